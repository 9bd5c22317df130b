"""Whether git can fetch from a local repository, found out before a run begins."""

import re
from pathlib import Path

from pipeline.github import ForgeRefused
from repository.git import run_git
from repository.trusted_folders import trusting_config

_OWNED_BY_ANOTHER = "dubious ownership"


def read_current_branch(path: Path) -> str:
    """Return the branch that is checked out, read with ls-remote as a fetch reads it.

    Raises:
        ForgeRefused: it can't be read, or there is none.
    """
    if not path.is_dir():
        raise ForgeRefused(f"{path} is not a folder")
    with trusting_config() as variables:
        command = ["ls-remote", "--symref", str(path), "HEAD"]
        process = run_git(command, cwd=path, environment=variables)
    if process.returncode != 0:
        raise ForgeRefused(_explain(path, process.stderr.decode(errors="replace")))
    output = process.stdout.decode(errors="surrogateescape")
    if not output.strip():
        raise ForgeRefused(f"{path} has no commit on its current branch")
    branch = re.search(r"^ref: refs/heads/(.+)\tHEAD$", output, re.MULTILINE)
    if branch is None:
        raise ForgeRefused(f"{path} is on no branch (detached HEAD): check one out")
    return branch[1]


def require_complete(path: Path) -> None:
    """Check that each object can be copied into a mirror, whose object names are SHA-1.

    Raises:
        ForgeRefused: one can't; the message says what to do.
    """
    object_format = _output(path, "rev-parse", "--show-object-format")
    if object_format != "sha1":
        raise ForgeRefused(f"{path} names its objects with {object_format}; only sha1 is supported")
    if not _output(path, "config", "--get-regexp", r"^remote\..*\.promisor$"):
        return
    missing = _output(path, "rev-list", "--objects", "--all", "--missing=print", "--quiet")
    if missing:
        raise ForgeRefused(
            f"{path} is a partial clone, from which git can't fetch. Complete it first: git -C"
            f" {path} config --unset-all remote.origin.partialclonefilter; git -C {path} fetch"
            " --refetch"
        )


def _explain(path: Path, error: str) -> str:
    if _OWNED_BY_ANOTHER in error:
        return (
            f"{path} belongs to another user. If you trust what is in it: git config --global --add"
            f" safe.directory {path}"
        )
    top = _output(path, "rev-parse", "--show-toplevel")
    if top and Path(top) != path:
        return f"{path} is a folder inside the repository {top}: give that one"
    lines = error.strip().splitlines()
    reason = lines[0].removeprefix("fatal: ") if lines else "git failed"
    return f"{path} is not a readable git repository: {reason}"


def _output(path: Path, *arguments: str) -> str:
    """Return what git prints; empty if it fails, as for a setting that is missing."""
    return run_git(list(arguments), cwd=path).stdout.decode(errors="replace").strip()
