"""Shared by the attacks: raw system calls, facts about the machine outside, the verdict."""

import ctypes
import json
import os

OUTSIDE = json.loads(os.environ.get("OUTSIDE", "{}"))
"""``Outside`` in conftest.py."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def syscall_number(name):
    return OUTSIDE["numbers"][name]


def syscall(name_or_number, *arguments):
    """Make a system call; return its result, or the errno as a negative number."""
    number = name_or_number
    if isinstance(name_or_number, str):
        number = syscall_number(name_or_number)
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = _libc.syscall(ctypes.c_long(number), *words)
    if result == -1:
        return -ctypes.get_errno()
    return result


def succeeds(function, *arguments):
    """Call a function; return whether it raised no OSError."""
    try:
        function(*arguments)
    except OSError:
        return False
    return True


def verdict(escaped):
    print("escaped" if escaped else "held", flush=True)
