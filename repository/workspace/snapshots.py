"""Snapshots of a workspace: what changed since the last one, as bytes to restore elsewhere.

They are written and read inside the sandbox, by ``scripts/snapshot.py``. This process reads their
first line only, which says what could not be stored.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from repository.testing.folders import make_readable
from repository.workspace.inside import Inside
from sandbox import SandboxResult

MAX_SNAPSHOT_BYTES = 60_000_000

_MAX_SUMMARY_BYTES = 1_000_000
_MAX_NAME = 200


class _Summary(BaseModel):
    """The first line of a snapshot, written from names that code in the sandbox chose."""

    model_config = ConfigDict(frozen=True)

    left_out: dict[str, str]
    """Some of the paths that are not stored -> why."""
    left_out_count: int


async def take_snapshot(inside: Inside) -> bytes:
    """Return what changed since the last snapshot; the workspace must be in place.

    It is empty if nothing changed.
    """
    folders = inside.folders
    result = await inside.run_python(
        "snapshot.py",
        "take",
        folders.run,
        folders.snapshots,
        writable=(folders.snapshots,),
        readable=folders.writable,
    )
    if result.returncode != 0:
        return _empty_snapshot(_last_line(result))
    return _read_own_file(folders.snapshots / "snapshot")


async def restore_snapshots(inside: Inside, snapshots: Sequence[bytes]) -> None:
    """Bring back what snapshots hold, in order; the workspace must be fresh and in place.

    Raises:
        OSError: they can't be restored.
    """
    folder = inside.folders.incoming / "snapshots"
    await asyncio.to_thread(_write_all, folder, snapshots)
    result = await inside.run_python(
        "snapshot.py",
        "restore",
        inside.folders.run,
        folder,
        writable=inside.folders.writable,
        readable=(folder,),
    )
    await asyncio.to_thread(shutil.rmtree, folder)
    if result.returncode != 0:
        raise OSError(f"the workspace's snapshots can't be restored: {_last_line(result)}")


def _write_all(folder: Path, snapshots: Sequence[bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, snapshot in enumerate(snapshots):
        (folder / f"{number:06}").write_bytes(snapshot)
    make_readable(folder)


def describe_left_out(snapshots: Sequence[bytes]) -> tuple[str, ...]:
    """Return sentences about what these snapshots could not store.

    The last one that is not empty names everything that was still left out then.
    """
    for snapshot in reversed(snapshots):
        if snapshot:
            return _describe(_read_summary(snapshot))
    return ()


def _describe(summary: _Summary) -> tuple[str, ...]:
    sentences = [
        f"{_printable(path)} could not be brought back: it is {_printable(why)}."
        for path, why in summary.left_out.items()
    ]
    more = summary.left_out_count - len(summary.left_out)
    if more > 0:
        sentences.append(f"{more} other files could not be brought back.")
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
    """Return a snapshot that holds nothing but the reason."""
    summary = _Summary(left_out={"what the last commands wrote": why}, left_out_count=1)
    return f"{summary.model_dump_json()}\n".encode()


def _last_line(result: SandboxResult) -> str:
    lines = result.output.strip().splitlines()
    return lines[-1][:_MAX_NAME] if lines else f"ended with {result.returncode}"


def _read_own_file(path: Path) -> bytes:
    """Read a plain file that a program in the sandbox wrote for this process.

    Raises:
        OSError: it is something else, or too large.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a plain file")
        data = file.read(MAX_SNAPSHOT_BYTES + 1)
    if len(data) > MAX_SNAPSHOT_BYTES:
        raise OSError(f"{path} is larger than {MAX_SNAPSHOT_BYTES} bytes")
    return data
