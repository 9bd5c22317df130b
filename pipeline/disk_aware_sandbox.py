"""A sandbox on a disk that may be full: a command that fails for want of space says nothing about
what it ran.
"""

import errno
from collections.abc import Callable
from pathlib import Path

from pipeline.disk import DiskUse
from sandbox import MACHINE_DISK_FULL, Sandbox, SandboxCommand, SandboxResult


class DiskAwareSandbox:
    """Passes everything on to another sandbox, as long as there is space.

    That the disk is full is measured and never read from a command's output, which is untrusted.
    """

    def __init__(self, sandbox: Sandbox, measure: Callable[[], DiskUse]):
        """``measure`` measures the disk on which commands write."""
        self.name = sandbox.name
        self._sandbox = sandbox
        self._measure = measure

    def path_inside(self, run_folder: Path) -> Path:
        return self._sandbox.path_inside(run_folder)

    async def run(self, command: SandboxCommand) -> SandboxResult:
        """Run a command.

        A command that exceeded its own limit has failed by itself, even if the disk is full.

        Raises:
            OSError: the sandbox could not be set up; with ENOSPC, the disk was full before the
                command began or after it failed.
        """
        self._require_space()
        result = await self._sandbox.run(command)
        if result.exceeded == MACHINE_DISK_FULL:
            raise _no_space()
        if result.returncode != 0 and result.exceeded is None:
            self._require_space()
        return result

    def _require_space(self) -> None:
        if self._measure().is_full:
            raise _no_space()


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, "the disk on which the sandbox writes is full")
