"""How untrusted code is run: a command, in folders it may write, with or without a network, never
with our secrets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Network = Literal["none", "install"]


@dataclass(frozen=True)
class SandboxCommand:
    """One command for a sandbox. Paths are the same inside as outside."""

    argv: tuple[str, ...]
    cwd: Path
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    """Folders beside the system's that it may read."""
    environment: dict[str, str] = field(default_factory=dict)
    """All that it gets, beside PATH, HOME, LANG and TMPDIR (and the index's variables, for installing)."""
    network: Network = "none"
    """``install`` reaches the package index, by a proxy that lets nothing else pass. Loopback is there in both."""
    timeout: float = 600.0
    """Seconds until everything it started is killed."""
    memory_mb: int = 4096
    disk_mb: int = 4096
    """Of files that it writes, whether they have names or not."""
    output_limit: int = 2_000_000
    """Bytes of output kept (the end of it); more is read and dropped."""
    on_output: Callable[[bytes], None] | None = None
    """Gets the output as it comes; it must not block."""


@dataclass(frozen=True)
class SandboxResult:
    returncode: int
    """The command's; 124 after a time-out, 137 where it used too much memory or disk."""
    output: str
    """Standard output and error, in order, terminal escapes taken out."""
    timed_out: bool
    seconds: float


class Sandbox(Protocol):
    name: str

    async def run(self, command: SandboxCommand) -> SandboxResult:
        """Run it; no process of it is left when this returns, is cancelled or fails."""
        ...


class NoIsolation(RuntimeError):
    """Nothing on this machine isolates untrusted code; the message says what would."""
