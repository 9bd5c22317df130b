"""Kill each process of its user but this one and its parent, then make a call that is held."""

import os
import signal
import socket

from attack import OUTSIDE, succeeds, verdict

for name in os.listdir("/proc"):
    if not name.isdigit() or int(name) in (os.getpid(), os.getppid()):
        continue
    try:
        os.kill(int(name), 0)
        if os.stat(f"/proc/{name}").st_uid == 0:  # not dumpable: the monitor
            os.kill(int(name), signal.SIGKILL)
            os.kill(int(name), signal.SIGSTOP)
    except OSError:
        continue
verdict(succeeds(socket.create_connection, ("127.0.0.1", OUTSIDE["port"]), 2))
