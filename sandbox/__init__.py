"""Running untrusted code: a command, in folders that it may write, with or without a network,
never with our secrets.

README.md in this folder has a picture of the processes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Network = Literal["none", "install"]

TIMEOUT_EXIT_CODE = 124
"""As timeout(1) exits."""
KILLED_EXIT_CODE = 137
"""As a shell reports a process that SIGKILL ended."""


@dataclass(frozen=True)
class SandboxCommand:
    """One command for a sandbox. Paths are the same inside as outside."""

    argv: tuple[str, ...]
    cwd: Path
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    """Folders beside the system's that it may read."""
    environment: dict[str, str] = field(default_factory=dict)
    """Its variables beside PATH, HOME, LANG and TMPDIR (and the index's, for ``install``)."""
    network: Network = "none"
    """``install``: the package index, through a proxy that lets nothing else pass.

    Loopback works in both.
    """
    timeout: float = 600.0
    """Seconds until everything that it started is killed."""
    memory_mb: int = 4096
    disk_mb: int = 4096
    """The size of files that it writes, whether they have names or not."""
    output_limit: int = 2_000_000
    """Bytes of output that are kept, from its end; more is read and dropped."""
    on_output: Callable[[bytes], None] | None = None
    """Called with each chunk of output as it comes; it must not block."""


@dataclass(frozen=True)
class SandboxResult:
    returncode: int
    """The command's own; 124 after the time limit, 137 over the limit of memory or disk."""
    output: str
    """Standard output and error, in order, without terminal escapes."""
    timed_out: bool
    seconds: float


class Sandbox(Protocol):
    name: str

    async def run(self, command: SandboxCommand) -> SandboxResult:
        """Run a command; no process of it is left once this returns, fails or is cancelled.

        Raises:
            OSError: the sandbox could not be set up.
        """
        ...


class NoIsolation(RuntimeError):
    """Nothing on this machine isolates untrusted code; the message says what would."""
