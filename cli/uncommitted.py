"""Changes of a work tree that a run does not see, since it works on commits."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from repository.counts import count
from repository.git import run_git

#: Plumbing that compares file times and object names. It reads no file's content, so no filter that
#: the repository configures is run. Each prints a NUL after each path.
_STAGED = ("diff-index", "--cached", "--name-only", "-z", "HEAD")
_UNTRACKED = ("ls-files", "--others", "--exclude-standard", "-z")
#: Prints, for each file whose time or size differs from the index: a line with the mode and the
#: object name in the index, and a line with its path.
_UNSTAGED = ("diff-files", "--abbrev=64", "-z")


def describe_uncommitted(repo: Path) -> str | None:
    """Return a sentence about the uncommitted changes in ``repo``; None if there are none."""
    if run_git(["rev-parse", "--is-inside-work-tree"], cwd=repo).stdout != b"true\n":
        return None  # a bare repository
    paths = {*_lines(repo, _STAGED), *_lines(repo, _UNTRACKED), *_changed_files(repo)}
    if not paths:
        return None
    files = count(len(paths), "file")
    return f"{files} with uncommitted changes in {repo}: the run works on the last commit only"


def _changed_files(repo: Path) -> Iterator[bytes]:
    """Yield the paths of files that differ from the index.

    In a copy of a repository, all times differ from it; such a file counts only if its content
    does, too.
    """
    lines = _lines(repo, _UNSTAGED)
    for entry, path in zip(lines[::2], lines[1::2], strict=True):
        old_mode, new_mode, old_sha, *_ = entry.removeprefix(b":").split()
        is_same_kind = old_mode == new_mode and old_mode.startswith(b"100")
        if is_same_kind and _blob_name(repo, path) == old_sha.decode():
            continue
        yield path


def _blob_name(repo: Path, path: bytes) -> str:
    """Return the SHA-1 that git gives to the file's content; empty if it can't be read."""
    try:
        content = (repo / os.fsdecode(path)).read_bytes()
    except OSError:
        return ""
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def _lines(repo: Path, command: tuple[str, ...]) -> list[bytes]:
    return run_git(list(command), cwd=repo).stdout.split(b"\0")[:-1]
