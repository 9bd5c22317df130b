"""The container's runtime as the helper meets it: what it logs first, and what it can't do
without.
"""

import platform
import sys
import threading
from pathlib import Path

_FIELDS = ("Seccomp:", "CapEff:")


def describe_runtime() -> str:
    """Return the kernel's release, and this process's filter and capabilities (proc(5))."""
    parts = [f"kernel {platform.release()} {platform.machine()}"]
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(_FIELDS):
            parts.append(" ".join(line.split()))
    return ", ".join(parts)


def require_threads() -> None:
    """Raise OSError if no thread can be started here, as each session's monitor must."""
    thread = threading.Thread(target=lambda: None)
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(
            f"{error}: the container runtime refuses clone3 with EPERM, which the C library takes"
            " as final; runc 1.0.0-rc93 and newer answer ENOSYS"
        ) from error
    thread.join()


def log(message: str) -> None:
    sys.stderr.write(f"sandbox: {message}\n")
    sys.stderr.flush()
