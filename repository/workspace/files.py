"""Read, write and list files of a workspace, inside the sandbox: links lead only where a model's
command could follow them.
"""

import os
from pathlib import Path, PurePosixPath

from repository.workspace.executor import SandboxExecutor
from repository.workspace.failures import explain_failure
from sandbox import SandboxResult

MAX_LISTED = 3_000
"""Maximum number of entries in a listing; the others are left out."""

_MISSING = 44
_FOLDER = 45
_NOT_REGULAR = 46
_CLOSED = 47
_LISTED_IN_PART = 1
"""The exit code of find if it could not read some of the folders."""
_MAX_PATH_BYTES = 4_096
"""PATH_MAX in limits.h."""
_MAX_LISTING_BYTES = 1_000_000


class BoundedBytes:
    """Collects the beginning of an output."""

    def __init__(self, limit: int):
        self._limit = limit
        self.data = bytearray()

    def add(self, chunk: bytes) -> None:
        self.data += chunk[: self._limit - len(self.data)]


async def resolve_path(executor: SandboxExecutor, path: str) -> str:
    """Return the path that a path leads to; see ``Workspace.resolve``."""
    if not _may_have_link(executor.folders.tree, path):
        return path
    output = BoundedBytes(_MAX_PATH_BYTES)
    result = await executor.read_with(
        "resolve_path.sh", _locate(executor, path), on_output=output.add
    )
    if result.returncode != 0 or not output.data.endswith(b"\0"):
        return path
    try:
        return output.data[:-1].decode()
    except UnicodeDecodeError:
        return path


def _may_have_link(tree: Path, path: str) -> bool:
    """Return whether any part of a path is a link; True if only the sandbox can tell."""
    parts = path.split("/")
    if path.startswith(("/", "~")) or ".." in parts:
        return True
    prefix = str(tree)
    for part in parts:
        prefix = f"{prefix}/{part}"
        if os.path.islink(prefix):  # noqa: PTH114 - Path's method may raise
            return True
    return False


async def read_file(executor: SandboxExecutor, path: str, limit: int) -> bytes:
    """Return the bytes of a file; see ``Workspace.read``."""
    content = BoundedBytes(limit + 1)
    result = await executor.read_with(
        "read_file.sh", _locate(executor, path), str(limit + 1), on_output=content.add
    )
    if result.returncode != 0:
        raise _error(result, path)
    if len(content.data) > limit:
        raise ValueError(f"{path} is larger than {limit} bytes")
    return bytes(content.data)


async def write_file(executor: SandboxExecutor, path: str, content: bytes) -> None:
    """Write a file; see ``Workspace.write``."""
    target = _locate(executor, path)
    source = executor.folders.incoming / "content"
    source.write_bytes(content)
    source.chmod(0o644)
    result = await executor.write_with(
        "write_file.sh", target, source, readable=(executor.folders.incoming,)
    )
    source.unlink()
    if result.returncode != 0:
        reason = explain_failure(result).rpartition(": ")[2]
        raise ValueError(f"{path} can't be written: {reason}")


async def list_folder(executor: SandboxExecutor, path: str) -> list[str]:
    """Return the names in a folder; see ``Workspace.list``."""
    listing = BoundedBytes(_MAX_LISTING_BYTES)
    result = await executor.read_with(
        "list_folder.sh", _locate(executor, path), on_output=listing.add
    )
    if result.returncode == _FOLDER:
        raise NotADirectoryError(f"{path} is not a folder")
    if result.returncode not in (0, _LISTED_IN_PART):
        raise _error(result, path)
    names: list[str] = []
    for entry in bytes(listing.data).decode(errors="replace").split("\0"):
        if entry:
            names.append(f"{entry[1:]}/" if entry[0] == "d" else entry[1:])
    return sorted(names)[:MAX_LISTED]


def _locate(executor: SandboxExecutor, path: str) -> str:
    """Return the absolute path of a file in the sandbox; links are not resolved."""
    if "\0" in path:
        raise ValueError("a path can't contain a NUL")
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a path must be valid Unicode") from error
    if path == "~" or path.startswith("~/"):
        path = f"{executor.folders.home}{path[1:]}"
    return str(PurePosixPath(executor.folders.tree) / path)


def _error(result: SandboxResult, path: str) -> Exception:
    """Return the error for a failure of the scripts that read."""
    exit_code = result.returncode
    if exit_code == _MISSING:
        return FileNotFoundError(f"there is no {path}")
    if exit_code == _FOLDER:
        return IsADirectoryError(f"{path} is a folder")
    if exit_code == _NOT_REGULAR:
        return ValueError(f"{path} is not a regular file")
    reason = "permission denied" if exit_code == _CLOSED else result.describe_end()
    return ValueError(f"{path} can't be read: {reason}")
