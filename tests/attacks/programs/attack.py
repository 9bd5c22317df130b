"""What the attacks share: raw system calls, what they were told of the machine outside, and how they say it ended."""

import ctypes
import json
import os

OUTSIDE = json.loads(os.environ.get("OUTSIDE", "{}"))
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def number(name):
    return OUTSIDE["numbers"][name]


def syscall(which, *arguments):
    """The result; a negative errno where it was refused."""
    which = number(which) if isinstance(which, str) else which
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = _libc.syscall(ctypes.c_long(which), *words)
    return result if result != -1 else -ctypes.get_errno()


def attempt(function, *arguments):
    """Whether it went through."""
    try:
        function(*arguments)
    except OSError:
        return False
    return True


def verdict(escaped):
    print("escaped" if escaped else "held", flush=True)
