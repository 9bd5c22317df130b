"""A program that requests a session of a helper, as a worker would, and logs how it went.

    python -I -m sandbox.uid.self_check SOCKET UID

SOCKET is the helper's, UID the worker's user id. Whether a container's runtime allows what a
session does is written nowhere, so that the helper starts this program to try it.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from sandbox import NoIsolation, syscalls
from sandbox.index.proxy import IndexProxy
from sandbox.loopback import check_loopback
from sandbox.uid.backend import UidSandbox
from sandbox.uid.runtime import log


def try_session(path: Path) -> str:
    """Run a session; return a sentence about it."""
    try:
        sandbox = UidSandbox(path, IndexProxy.configured({}))
        report = asyncio.run(check_loopback(sandbox))
    except (NoIsolation, OSError) as error:
        return f"no session can be run: {error}"
    fault = report.fault()
    if fault is not None:
        return f"degraded: {fault}"
    return "a session works, and reaches its own servers"


def main() -> None:
    client = int(sys.argv[2])
    os.setresuid(client, client, client)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    log(try_session(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
