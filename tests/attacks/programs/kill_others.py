"""Signal a process outside, everybody, and the processes that keep this session."""

import os
import signal

from attack import OUTSIDE, verdict

reached = False
for pid in (OUTSIDE["pid"], -1, 1):
    try:
        if pid == OUTSIDE["pid"] and b"victim" not in open(f"/proc/{pid}/cmdline", "rb").read():
            continue
        os.kill(pid, 0 if pid == 1 else signal.SIGTERM)
        reached = reached or pid == OUTSIDE["pid"]
    except OSError:
        continue
verdict(reached)
