"""Type into the terminal that started it."""

import fcntl
import os
import pty
import termios

from attack import succeeds, verdict

TIOCLINUX = 0x541C


def type_into_terminal():
    fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), termios.TIOCSTI, b"x")


escapes = [succeeds(type_into_terminal)]
for stream in (0, 1, 2):
    escapes.append(succeeds(fcntl.ioctl, stream, termios.TIOCSTI, b"x"))
    escapes.append(succeeds(fcntl.ioctl, stream, TIOCLINUX, b"\2"))
_, own_terminal = pty.openpty()
escapes.append(succeeds(fcntl.ioctl, own_terminal, termios.TIOCSTI, b"x"))
verdict(any(escapes))
