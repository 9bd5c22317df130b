"""Open the memory, the files and the root folder of a process outside."""

import os

from attack import OUTSIDE, succeeds, syscall, verdict


def sees(pid):
    """Whether the process outside has the same id here."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"victim" in file.read()
    except OSError:
        return False


pid = OUTSIDE["pid"]
escapes = []
if sees(pid):
    escapes = [
        succeeds(open, f"/proc/{pid}/mem", "r+b"),
        succeeds(os.listdir, f"/proc/{pid}/fd"),
        succeeds(os.listdir, f"/proc/{pid}/root/root"),
        syscall("pidfd_getfd", os.pidfd_open(pid), 0, 0) >= 0,
    ]
verdict(any(escapes))
