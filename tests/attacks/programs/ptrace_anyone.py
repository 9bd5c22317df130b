"""Trace the parent, a child, or a process outside."""

import os

from attack import OUTSIDE, syscall, verdict

ATTACH, SEIZE, TRACEME = 16, 0x4206, 0
verdict(
    any(syscall("ptrace", how, pid, 0, 0) >= 0 for how in (ATTACH, SEIZE) for pid in (OUTSIDE["pid"], os.getppid()))
    or syscall("ptrace", TRACEME, 0, 0, 0) >= 0
)
