"""The difference of a workspace's tree from the base commit.

Git lists the paths inside the sandbox, with a record that a model's commands never see; the list is
still untrusted. This process reads the contents, and follows no link.
"""

import asyncio
import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from repository.git import Entry
from repository.untrusted_files import open_without_links
from repository.workspace.executor import SandboxExecutor
from repository.workspace.files import BoundedBytes
from repository.workspace.models import FileChange, TreeChanges, WorkspaceSource

MAX_FILES = 2_000
MAX_FILE_BYTES = 5_000_000
MAX_BYTES = 50_000_000

_UNREADABLE_FOLDER = "the folder can't be read, so its changes are unknown"
_MAX_LIST_BYTES = 4_000_000
_PIPE = 3
"""The exit code of ``list_changes.sh`` for a pipe that git would read, which is its output."""
_SUBMODULE = "160000"
_MAX_DEPTH = 100


@dataclass(frozen=True)
class ListedChange:
    path: str
    recorded: str | None
    """SHA of the file's bytes at the start; None if the file is new."""


class _CannotInclude(Exception):
    """A path can't be part of a change; the message says why."""


async def read_changes(executor: SandboxExecutor, source: WorkspaceSource) -> TreeChanges:
    """Return the difference of the tree, which must be in place, from the base commit."""
    folders = executor.folders
    listing = BoundedBytes(_MAX_LIST_BYTES)
    result = await executor.run_shell(
        "list_changes.sh",
        folders.base_record,
        writable=(folders.base_record,),
        readable=(folders.tree,),
        on_output=listing.add,
    )
    if result.returncode != 0:
        reason = result.output if result.returncode == _PIPE else result.describe_end()
        return TreeChanges({}, {".": f"git can't list the changes: {reason}"})
    if len(listing.data) == _MAX_LIST_BYTES:
        return TreeChanges({}, {".": "too many files were changed"})
    base = await asyncio.to_thread(source.mirror.files, source.base_sha)
    listed, left_out = parse_listing(bytes(listing.data))
    reader = _ChangeReader(folders.tree, {entry.path: entry for entry in base})
    return await asyncio.to_thread(reader.read, listed, left_out)


def parse_listing(listing: bytes) -> tuple[list[ListedChange], dict[str, str]]:
    """Parse the output of ``list_changes.sh``.

    Returns:
        The changes, and path -> reason for paths that can't be part of one.
    """
    listed: list[ListedChange] = []
    left_out: dict[str, str] = {}
    words = iter(listing.split(b"\0"))
    for meta in words:
        if not meta:
            break
        fields = meta.split()
        recorded = fields[2].decode(errors="replace") if len(fields) > 2 else ""
        _add(next(words, b""), recorded, listed, left_out)
    for name in words:
        if not name:
            break
        _add(name, None, listed, left_out)
    for name in words:
        if name:
            folder = name.decode(errors="replace").removeprefix("./")
            left_out[f"{folder}/"] = _UNREADABLE_FOLDER
    return listed, left_out


def _add(
    name: bytes, recorded: str | None, listed: list[ListedChange], left_out: dict[str, str]
) -> None:
    try:
        path = name.decode()
    except UnicodeDecodeError:
        left_out[name.decode(errors="replace")] = "its name is not UTF-8"
        return
    if path.endswith("/"):
        left_out[path] = "a repository of its own"
    elif _is_unsafe(path):
        left_out[path] = "not a valid path"
    else:
        listed.append(ListedChange(path, recorded))


def _is_unsafe(path: str) -> bool:
    parts = path.split("/")
    return len(parts) > _MAX_DEPTH or any(part in ("", ".", "..", ".git") for part in parts)


class _ChangeReader:
    """Reads the contents of changed files, up to a total size."""

    def __init__(self, tree: Path, base: Mapping[str, Entry]):
        self._tree = tree
        self._base = base
        self._size = 0

    def read(self, listed: list[ListedChange], left_out: dict[str, str]) -> TreeChanges:
        files: dict[str, FileChange] = {}
        for change in listed:
            try:
                files[change.path] = self._read_one(change, len(files))
            except _CannotInclude as error:
                left_out[change.path] = str(error)
        return TreeChanges(files, left_out)

    def _read_one(self, change: ListedChange, number: int) -> FileChange:
        if number == MAX_FILES:
            raise _CannotInclude(f"more than {MAX_FILES} files were changed")
        if self._is_in_submodule(change.path):
            raise _CannotInclude("in a submodule")
        try:
            descriptor = open_without_links(self._tree, change.path)
        except (FileNotFoundError, NotADirectoryError):
            return self._deletion(change)
        except OSError as error:
            raise _CannotInclude(_explain_unreadable(error)) from error
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _CannotInclude("not a regular file")
            content = file.read(MAX_FILE_BYTES + 1)
        self._count(content)
        executable = bool(status.st_mode & stat.S_IXUSR)
        return FileChange(self._as_committed(change, content), executable)

    def _count(self, content: bytes) -> None:
        if len(content) > MAX_FILE_BYTES:
            raise _CannotInclude(f"larger than {MAX_FILE_BYTES} bytes")
        if self._size + len(content) > MAX_BYTES:
            raise _CannotInclude(f"all changes together are larger than {MAX_BYTES} bytes")
        self._size += len(content)

    def _deletion(self, change: ListedChange) -> FileChange:
        if change.path not in self._base:
            raise _CannotInclude("it no longer exists")
        return FileChange(None, False)

    def _is_in_submodule(self, path: str) -> bool:
        above = (str(parent) for parent in (PurePosixPath(path), *PurePosixPath(path).parents))
        return any(
            entry is not None and entry.mode == _SUBMODULE for entry in map(self._base.get, above)
        )

    def _as_committed(self, change: ListedChange, content: bytes) -> bytes:
        """Return the content with the base's line endings, which checking out may convert."""
        entry = self._base.get(change.path)
        if entry is None or change.recorded is None or change.recorded == entry.sha:
            return content
        return content.replace(b"\r\n", b"\n")


def _explain_unreadable(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a symbolic link"
    return f"it can't be read: {error.strerror}"
