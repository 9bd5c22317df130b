"""Kill each process of the same user but this one and its parents, then do what the monitor holds."""

import os
import signal
import socket

from attack import OUTSIDE, verdict

for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (os.getpid(), os.getppid()):
        try:
            os.kill(int(name), 0)
            if os.stat(f"/proc/{name}").st_uid == 0:  # not dumpable: the monitor's
                os.kill(int(name), signal.SIGKILL)
                os.kill(int(name), signal.SIGSTOP)
        except OSError:
            continue
try:
    socket.create_connection(("127.0.0.1", OUTSIDE["port"]), 2)
    verdict(True)
except OSError:
    verdict(False)
