"""Trace the parent, a child, or a process outside."""

import os

from attack import OUTSIDE, syscall, verdict

ATTACH = 16
SEIZE = 0x4206
TRACEME = 0
verdict(
    any(
        syscall("ptrace", how, pid, 0, 0) >= 0
        for how in (ATTACH, SEIZE)
        for pid in (OUTSIDE["pid"], os.getppid())
    )
    or syscall("ptrace", TRACEME, 0, 0, 0) >= 0
)
