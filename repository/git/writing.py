"""Writing trees and commits as objects, without a work tree."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from repository.git.directory import GitDirectory, temporary_index
from repository.git.errors import GitError
from repository.git.objects import EXECUTABLE, NOT_EXECUTABLE, REGULAR_MODES, Identity
from repository.git.paths import is_writable
from repository.git.reading import list_files

_NO_OBJECT = "0" * 40
"""Stands in an index for the absence of a file."""


def write_tree(
    git: GitDirectory,
    base: str,
    changes: Mapping[str, bytes | None],
    executable: Mapping[str, bool],
) -> str:
    """Write the tree of ``base`` with changes applied; return its SHA.

    A symbolic link or submodule that is written to becomes a file.

    Args:
        git: where the base is, and the tree is written.
        base: a commit or tree.
        changes: path -> new content, or None to remove the file.
        executable: path -> whether it becomes executable; by default a file keeps its mode.

    Raises:
        GitError: git forbids a path (``.git``, ``..``), or a file is written where the tree has a
            folder, or the other way round.
    """
    for path in changes:
        if not is_writable(path):
            raise GitError(f"not a file's path: {path!r}")
    modes = {entry.path: entry.mode for entry in list_files(git, base)}
    with temporary_index() as index:
        git.output("read-tree", base, index=index)
        _remove_from(git, index, [path for path in changes if changes[path] is None])
        for path, content in changes.items():
            if content is None:
                continue
            mode = _regular_mode(modes.get(path), executable.get(path))
            blob = _write_blob(git, content)
            info = f"{mode},{blob},{path}"
            git.output("update-index", "--add", "--cacheinfo", info, index=index)
        return _write_index(git, index)


def apply_patch(git: GitDirectory, base: str, patch: bytes) -> str:
    """Write the tree of ``base`` with a patch of ours applied; return its SHA.

    Raises:
        GitError: the patch does not apply.
    """
    with temporary_index() as index:
        git.output("read-tree", base, index=index)
        if patch.strip():
            arguments = ("apply", "--cached", "--whitespace=nowarn", "-")
            git.output(*arguments, index=index, stdin=patch)
        return _write_index(git, index)


def write_commit(
    git: GitDirectory,
    tree: str,
    parent: str | None,
    message: str,
    author: Identity,
    seconds: int,
) -> str:
    """Write a commit; return its SHA, which is the same for the same arguments.

    ``author`` is also the committer. ``seconds`` since the epoch are the date of both, in UTC.
    """
    environment: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{role}_NAME"] = author.name
        environment[f"GIT_{role}_EMAIL"] = author.email
        environment[f"GIT_{role}_DATE"] = f"@{seconds} +0000"
    # Text from a model may contain characters that git does not accept.
    text = message.replace("\0", "").encode(errors="replace")
    parents = [] if parent is None else ["-p", parent]
    arguments = ["commit-tree", tree, *parents, "-F", "-"]
    return git.output(*arguments, stdin=text, environment=environment).decode().strip()


def _remove_from(git: GitDirectory, index: Path, paths: Sequence[str]) -> None:
    """Remove files from an index, whether they are in it or not."""
    lines = [f"0 {_NO_OBJECT}\t{path}\0" for path in paths]
    stdin = "".join(lines).encode()
    git.output("update-index", "-z", "--index-info", index=index, stdin=stdin)


def _write_blob(git: GitDirectory, content: bytes) -> str:
    arguments = ("hash-object", "-w", "--stdin", "--no-filters")
    return git.output(*arguments, stdin=content).decode().strip()


def _write_index(git: GitDirectory, index: Path) -> str:
    """Write the tree of an index; return its SHA."""
    return git.output("write-tree", index=index).decode().strip()


def _regular_mode(before: str | None, executable: bool | None) -> str:
    """Return the mode of a file that is written; ``executable`` is None to keep the mode."""
    if executable is not None:
        return EXECUTABLE if executable else NOT_EXECUTABLE
    return before if before in REGULAR_MODES else NOT_EXECUTABLE
