"""A command that fails on a full disk is the machine's failure, not a result."""

import errno
from pathlib import Path

import pytest

from pipeline.disk import DiskUse
from pipeline.disk_aware_sandbox import DiskAwareSandbox
from sandbox import MACHINE_DISK_FULL, SandboxCommand, SandboxResult

FULL = DiskUse(free_bytes=0, total_bytes=200_000_000)
ROOMY = DiskUse(free_bytes=100_000_000, total_bytes=200_000_000)
COMMAND = SandboxCommand(("true",), cwd=Path("/"))
NO_SPACE = "OSError: [Errno 28] No space left on device"


class FillingSandbox:
    """Gives one result, after which the disk may be full."""

    name = "filling"

    def __init__(self, result: SandboxResult, after: DiskUse):
        self.disk = ROOMY
        self.commands = 0
        self._result = result
        self._after = after

    def path_inside(self, run_folder: Path) -> Path:
        return run_folder

    async def run(self, command: SandboxCommand) -> SandboxResult:
        self.commands += 1
        self.disk = self._after
        return self._result


def result(returncode: int, exceeded: str | None = None) -> SandboxResult:
    return SandboxResult(returncode, NO_SPACE, timed_out=False, seconds=1.0, exceeded=exceeded)


def aware(inner: FillingSandbox) -> DiskAwareSandbox:
    return DiskAwareSandbox(inner, lambda: inner.disk)


@pytest.mark.parametrize(
    ("ended", "after"),
    [
        (result(1), FULL),
        (result(137, MACHINE_DISK_FULL), FULL),
        (result(137, MACHINE_DISK_FULL), ROOMY),
    ],
)
async def test_a_failure_on_a_full_disk_is_no_result(ended: SandboxResult, after: DiskUse) -> None:
    with pytest.raises(OSError, match="is full") as failure:
        await aware(FillingSandbox(ended, after)).run(COMMAND)
    assert failure.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("ended", "after"),
    [(result(0), FULL), (result(1), ROOMY), (result(137, "disk"), FULL)],
    ids=["success", "only the output speaks of a full disk", "its own limit"],
)
async def test_other_ends_are_results(ended: SandboxResult, after: DiskUse) -> None:
    assert await aware(FillingSandbox(ended, after)).run(COMMAND) == ended


async def test_no_command_begins_on_a_full_disk() -> None:
    inner = FillingSandbox(result(0), FULL)
    inner.disk = FULL
    with pytest.raises(OSError, match="is full"):
        await aware(inner).run(COMMAND)
    assert inner.commands == 0
