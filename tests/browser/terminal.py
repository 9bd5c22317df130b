"""A command in a terminal of its own: what it prints there, as text with colours."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence

LINES = 40


def run_in_terminal(command: Sequence[str], environment: Mapping[str, str], *, columns: int) -> str:
    """Run a command whose input and output are a terminal, and return what it printed.

    Raises:
        subprocess.CalledProcessError: its exit status was not 0.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    with subprocess.Popen(
        command, env=dict(environment), stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        output = _read_all(controller)
    os.close(controller)
    text = output.decode().replace("\r\n", "\n")
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command, text)
    return text


def _read_all(controller: int) -> bytes:
    """Read until the last program has closed the terminal, which Linux reports as an error."""
    output = b""
    while True:
        try:
            part = os.read(controller, 65_536)
        except OSError:
            return output
        if not part:
            return output
        output += part
