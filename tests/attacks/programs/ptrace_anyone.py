"""Trace the parent, a child, or a process outside."""

import os

from attack import OUTSIDE, syscall, verdict

PTRACE_TRACEME = 0
PTRACE_ATTACH = 16
PTRACE_SEIZE = 0x4206

escapes = []
for request in (PTRACE_ATTACH, PTRACE_SEIZE):
    for pid in (OUTSIDE["pid"], os.getppid()):
        escapes.append(syscall("ptrace", request, pid, 0, 0) >= 0)
escapes.append(syscall("ptrace", PTRACE_TRACEME, 0, 0, 0) >= 0)
verdict(any(escapes))
