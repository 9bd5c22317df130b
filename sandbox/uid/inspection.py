"""Why a monitor may not inspect the processes of its session, and what an operator can do about it.

Without inspection no address can be judged, so each call that names one is refused. The session is
as isolated as before, but its programs can't connect to their own servers.
"""

import os
from typing import Literal

from sandbox import syscalls

Refused = Literal["pidfd_open", "pidfd_getfd", "access"]
"""``access``: no call, but the kernel's rule on who may inspect whom (ptrace(2))."""

_BY_THE_RUNTIME = (
    "the container runtime refuses {call}: add the capability SYS_PTRACE to the container of"
    " `coding-agent sandbox serve`; if it has it already, the runtime's seccomp profile is older"
    " than {call}"
)
_ACCESS = (
    "the kernel does not let processes of one user inspect each other: set"
    " kernel.yama.ptrace_scope to 0"
)


def find_refused() -> Refused:
    """Return the call that this process may not even make on itself; ``access`` if it may."""
    own = os.getpid()
    try:
        process = os.pidfd_open(own)
    except OSError:
        return "pidfd_open"
    os.close(process)
    try:
        os.close(syscalls.duplicate_descriptor(own, own, 0))
    except OSError:
        return "pidfd_getfd"
    return "access"


def describe_refused(refused: str) -> str:
    """Return a sentence about a session that may not connect: which call, and what mends it.

    ``refused`` is one of ``Refused``.
    """
    reason = _ACCESS if refused == "access" else _BY_THE_RUNTIME.format(call=refused)
    return f"its own servers can't be reached: {reason}"
