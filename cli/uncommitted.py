"""Changes of a work tree that a run does not see, since it works on commits."""

from pathlib import Path

from repository.counts import count
from repository.git import run_git

#: Plumbing that compares file times and object names. It reads no file's content, so no filter that
#: the repository configures is run. Each prints a NUL after each path.
_COMMANDS = (
    ("diff-files", "--name-only", "-z"),
    ("diff-index", "--cached", "--name-only", "-z", "HEAD"),
    ("ls-files", "--others", "--exclude-standard", "-z"),
)


def describe_uncommitted(repo: Path) -> str | None:
    """Return a sentence about the uncommitted changes in ``repo``; None if there are none."""
    if run_git(["rev-parse", "--is-inside-work-tree"], cwd=repo).stdout != b"true\n":
        return None  # a bare repository
    paths: set[bytes] = set()
    for command in _COMMANDS:
        output = run_git(list(command), cwd=repo).stdout
        paths.update(output.split(b"\0")[:-1])
    if not paths:
        return None
    files = count(len(paths), "file")
    return f"{files} with uncommitted changes in {repo}: the run works on the last commit only"
