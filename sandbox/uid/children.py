"""Fork the processes of a session, which drop the supervisor's descriptors and later its rights."""

import os
import signal
from collections.abc import Callable, Sequence
from typing import NoReturn

from sandbox import syscalls

SETUP_FAILED = 126
"""The exit code that a shell uses for a program that could not be started."""

_RESET_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGCHLD,
)
_STANDARD_STREAMS = (0, 1, 2)
_MAX_DESCRIPTOR = 65536


def fork_child(main: Callable[[], NoReturn], descriptors: Sequence[int], errors_w: int) -> int:
    """Fork a process that keeps only these descriptors; return its id.

    If ``main`` raises an exception, it is written to ``errors_w``.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        for number in _RESET_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in _STANDARD_STREAMS:
            os.dup2(null, stream)
        _close_all_but((*_STANDARD_STREAMS, *descriptors, errors_w))
        main()
    except BaseException as error:
        os.write(errors_w, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(SETUP_FAILED)


def close_inherited() -> None:
    """Close all descriptors except the standard streams."""
    _close_all_but(_STANDARD_STREAMS)


def become_user(uid: int) -> None:
    """Switch irrevocably from root to a session's user."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)


def _close_all_but(descriptors: Sequence[int]) -> None:
    start = 0
    for descriptor in sorted(descriptors):
        if start < descriptor:  # os.closerange(0, 0) would close all
            os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, _MAX_DESCRIPTOR)
