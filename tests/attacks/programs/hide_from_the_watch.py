"""Become a process that can't be looked at."""

import ctypes

from attack import verdict

PR_SET_DUMPABLE = 4
PR_GET_DUMPABLE = 3
libc = ctypes.CDLL(None)
libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
verdict(libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1)
