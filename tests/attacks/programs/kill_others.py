"""Signal a process outside, everybody, and the process that keeps this session."""

import os
import signal

from attack import OUTSIDE, succeeds, verdict

EVERYBODY = -1


def sees_victim():
    try:
        with open(f"/proc/{OUTSIDE['pid']}/cmdline", "rb") as file:
            return b"victim" in file.read()
    except OSError:
        return False


escaped = sees_victim() and succeeds(os.kill, OUTSIDE["pid"], signal.SIGTERM)
# Whether these have an effect is checked outside.
succeeds(os.kill, EVERYBODY, signal.SIGTERM)
succeeds(os.kill, 1, 0)
verdict(escaped)
