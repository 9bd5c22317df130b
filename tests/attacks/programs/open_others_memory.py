"""Open the memory, the files and the root folder of a process outside."""

import os

from attack import OUTSIDE, attempt, syscall, verdict

pid = OUTSIDE["pid"]
opened = attempt(open, f"/proc/{pid}/mem", "r+b") or attempt(os.listdir, f"/proc/{pid}/fd")
opened = opened or attempt(os.listdir, f"/proc/{pid}/root/root")
try:
    there = b"victim" in open(f"/proc/{pid}/cmdline", "rb").read()
except OSError:
    there = False
verdict(there and (opened or syscall("pidfd_getfd", os.pidfd_open(pid), 0, 0) >= 0))
