"""Type into the terminal that started it."""

import fcntl
import os
import pty

from attack import attempt, verdict

TIOCSTI = 0x5412
TIOCLINUX = 0x541C
escaped = attempt(lambda: fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), TIOCSTI, b"x"))
for descriptor in (0, 1, 2):
    escaped = (
        escaped
        or attempt(fcntl.ioctl, descriptor, TIOCSTI, b"x")
        or attempt(fcntl.ioctl, descriptor, TIOCLINUX, b"\2")
    )
_, terminal = pty.openpty()
verdict(escaped or attempt(fcntl.ioctl, terminal, TIOCSTI, b"x"))
