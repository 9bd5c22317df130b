"""The contract for running untrusted code: a command, the folders that it may write to, network
access or none, and never our secrets.

README.md in this folder has a diagram of the processes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

Network = Literal["none", "install"]

TIMEOUT_EXIT_CODE = 124
"""The exit code of timeout(1)."""
KILLED_EXIT_CODE = 137
"""The code that a shell reports for a process killed by SIGKILL."""
MACHINE_DISK_FULL: Final = "the machine's disk is full"
"""Why a sandbox ends a command that keeps its own limit, while others fill the disk."""


@dataclass(frozen=True)
class SandboxCommand:
    """One command for a sandbox.

    Paths are the same inside and outside, except those below ``run_folder``.
    """

    argv: tuple[str, ...]
    cwd: Path
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    """Folders that it may read in addition to the system's."""
    home: Path | None = None
    """The home folder, one of ``writable``; None for a new one that is removed afterwards."""
    temporary: Path | None = None
    """The folder for TMPDIR, one of ``writable``; None for a new one that is removed afterwards.

    ``bwrap`` also mounts it as /tmp, unless other paths of the command are below /tmp.
    """
    run_folder: Path | None = None
    """The folder of a run.

    ``bwrap`` shows it at a fixed path, and translates it in the arguments and variables.
    """
    environment: dict[str, str] = field(default_factory=dict)
    """Variables in addition to PATH, HOME, LANG and TMPDIR (and the index's, for ``install``)."""
    network: Network = "none"
    """``install``: access to the package index, through a proxy that lets nothing else through.

    Loopback works in both modes.
    """
    timeout: float = 600.0
    """Seconds after which everything that it started is killed."""
    memory_mb: int = 4096
    disk_mb: int = 4096
    """Total size of the files that it writes, including unlinked ones."""
    output_limit: int = 2_000_000
    """Bytes of output to keep, counted from its end; the rest is read and dropped."""
    on_output: Callable[[bytes], None] | None = None
    """Called with each chunk of output as it arrives; it must not block."""


@dataclass(frozen=True)
class SandboxResult:
    returncode: int
    """The command's exit code; 124 after a timeout, 137 when over the memory or disk limit."""
    output: str
    """Standard output and error, in order, without terminal escapes."""
    timed_out: bool
    seconds: float
    exceeded: str | None = None
    """Why the sandbox ended it: ``memory``, ``disk`` or a phrase such as ``MACHINE_DISK_FULL``;
    None if it ended by itself or reached its time limit."""
    degraded: str | None = None
    """Why the command could not connect to its own servers; None if it could, or did not try."""

    def describe_end(self) -> str:
        """Name the limit that was exceeded, or else the exit code."""
        if self.timed_out:
            return "it exceeded its time limit"
        if self.exceeded in ("memory", "disk"):
            return f"it exceeded its {self.exceeded} limit"
        return self.exceeded or f"exit code {self.returncode}"


class Sandbox(Protocol):
    name: str

    def path_inside(self, run_folder: Path) -> Path:
        """Return the path at which commands see the folder of a run."""
        ...

    async def run(self, command: SandboxCommand) -> SandboxResult:
        """Run a command; none of its processes is left once this returns, fails or is cancelled.

        Raises:
            OSError: the sandbox could not be set up.
        """
        ...


class NoIsolation(RuntimeError):
    """Untrusted code can't be isolated on this machine; the message says what is missing."""
