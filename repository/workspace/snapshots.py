"""Snapshots of a workspace: what changed since the last one, as bytes to restore elsewhere.

They are written and read inside the sandbox, by ``scripts/snapshot.py``. This process reads only
their first line, which says what could not be stored.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from repository.testing.folders import make_readable
from repository.untrusted_files import open_without_links
from repository.workspace.executor import SandboxExecutor
from repository.workspace.failures import explain_failure
from sandbox import SandboxResult

MAX_SNAPSHOT_BYTES = 60_000_000

_MAX_SUMMARY_BYTES = 1_000_000
_MAX_NAME = 200


class _Summary(BaseModel):
    """The first line of a snapshot, with names that code in the sandbox chose."""

    model_config = ConfigDict(frozen=True)

    left_out: dict[str, str]
    """Path -> why it is not stored; at most some of the paths."""
    left_out_count: int


async def record_files(executor: SandboxExecutor) -> None:
    """Record the files as they are now, for the next snapshot; they must be in place.

    Raises:
        OSError: they can't be recorded.
    """
    result = await _run_on_records(executor, "record")
    if result.returncode != 0:
        raise OSError(f"the workspace's files can't be recorded: {explain_failure(result)}")


async def take_snapshot(executor: SandboxExecutor) -> bytes:
    """Return what changed since the last snapshot; the workspace must be in place.

    It is empty if nothing changed.
    """
    result = await _run_on_records(executor, "take")
    if result.returncode != 0:
        return _empty_snapshot(explain_failure(result))
    return _read_own_file(executor.folders.snapshots / "snapshot")


async def _run_on_records(executor: SandboxExecutor, operation: str) -> SandboxResult:
    """Run an operation that compares or records the workspace's files."""
    folders = executor.folders
    return await executor.run_python(
        "snapshot.py",
        operation,
        folders.run,
        folders.snapshots,
        writable=(folders.snapshots,),
        readable=folders.writable,
    )


async def restore_snapshots(executor: SandboxExecutor, snapshots: Sequence[bytes]) -> None:
    """Restore the contents of snapshots, in order; the workspace must be fresh and in place.

    Raises:
        OSError: they can't be restored.
    """
    folder = executor.folders.incoming / "snapshots"
    await asyncio.to_thread(_write_all, folder, snapshots)
    result = await executor.run_python(
        "snapshot.py",
        "restore",
        executor.folders.run,
        folder,
        writable=executor.folders.writable,
        readable=(folder,),
    )
    await asyncio.to_thread(shutil.rmtree, folder)
    if result.returncode != 0:
        raise OSError(f"the workspace's snapshots can't be restored: {explain_failure(result)}")


def _write_all(folder: Path, snapshots: Sequence[bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, snapshot in enumerate(snapshots):
        (folder / f"{number:06}").write_bytes(snapshot)
    make_readable(folder)


def describe_left_out(snapshots: Sequence[bytes]) -> tuple[str, ...]:
    """Return sentences about what these snapshots could not store.

    The last one that is not empty names everything that was left out up to then.
    """
    for snapshot in reversed(snapshots):
        if snapshot:
            return _describe(_read_summary(snapshot))
    return ()


def _describe(summary: _Summary) -> tuple[str, ...]:
    sentences = [
        f"{_printable(path)} could not be restored: {_printable(why)}."
        for path, why in summary.left_out.items()
    ]
    more = summary.left_out_count - len(summary.left_out)
    if more > 0:
        sentences.append(f"{more} other files could not be restored.")
    return tuple(sentences)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_MAX_NAME]


def _read_summary(snapshot: bytes) -> _Summary:
    line = snapshot[:_MAX_SUMMARY_BYTES].partition(b"\n")[0]
    try:
        return _Summary.model_validate_json(line)
    except ValidationError:
        return _Summary(left_out={}, left_out_count=0)


def _empty_snapshot(why: str) -> bytes:
    """Return a snapshot that contains only the reason."""
    summary = _Summary(left_out={"the last commands' changes": why}, left_out_count=1)
    return f"{summary.model_dump_json()}\n".encode()


def _read_own_file(path: Path) -> bytes:
    """Read a regular file that a program in the sandbox wrote for this process.

    Raises:
        OSError: it is not a regular file, or too large.
    """
    descriptor = open_without_links(path.parent, path.name)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        data = file.read(MAX_SNAPSHOT_BYTES + 1)
    if len(data) > MAX_SNAPSHOT_BYTES:
        raise OSError(f"{path} is larger than {MAX_SNAPSHOT_BYTES} bytes")
    return data
