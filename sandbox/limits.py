"""The resource limits of every sandboxed command, in one table, and the two ways to set them."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.proc import machine_memory

WATCH_SECONDS = 0.1
"""Time between two measurements of memory and disk."""
MIN_FREE_BYTES = 256 * 1024**2
"""Memory and disk that must stay free for other processes; otherwise the command is killed."""
UMASK = 0o022

_OOM_SCORE_ADJUSTMENT = 1000
"""The first process to be killed when the machine is out of memory."""
_RLIMIT_MSGQUEUE = 12
"""The resource module has no name for it (include/uapi/asm-generic/resource.h)."""


@dataclass(frozen=True)
class ResourceLimit:
    """A limit that the kernel enforces for each process."""

    kind: int
    """RLIMIT_..."""
    prlimit_option: str
    maximum: int

    def value(self) -> int:
        """Return the maximum, or this process's own hard limit if that is lower."""
        hard = resource.getrlimit(self.kind)[1]
        if hard == resource.RLIM_INFINITY:
            return self.maximum
        return min(self.maximum, hard)


def resource_limits() -> tuple[ResourceLimit, ...]:
    # Memory is limited to what the machine has: RLIMIT_AS would break runtimes that reserve address
    # space, and a lower limit would fail allocations whose memory is never used. The watch measures
    # actual use.
    all_memory = machine_memory().total
    return (
        ResourceLimit(resource.RLIMIT_DATA, "data", all_memory),
        ResourceLimit(resource.RLIMIT_FSIZE, "fsize", 2 * 1024**3),
        ResourceLimit(resource.RLIMIT_NPROC, "nproc", 2048),
        ResourceLimit(resource.RLIMIT_NOFILE, "nofile", 4096),
        ResourceLimit(resource.RLIMIT_CORE, "core", 0),
        ResourceLimit(_RLIMIT_MSGQUEUE, "msgqueue", 0),
    )


def limit_this_process() -> None:
    """Apply the limits to this process and everything it starts."""
    Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE_ADJUSTMENT))
    for limit in resource_limits():
        value = limit.value()
        resource.setrlimit(limit.kind, (value, value))


def limited_command(argv: Sequence[str]) -> list[str]:
    """Return the command line that runs a program, given by its absolute path, under the limits."""
    options = [f"--{limit.prlimit_option}={limit.value()}" for limit in resource_limits()]
    choom = ["/usr/bin/choom", "-n", str(_OOM_SCORE_ADJUSTMENT), "--"]
    return ["/usr/bin/prlimit", *options, "--", *choom, *argv]
