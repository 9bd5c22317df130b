"""A command on a terminal of its own."""

import os
import pty
import subprocess
from pathlib import Path

from tests.cli.console import COMMAND, ROOT


def run_on_terminal(
    folder: Path, *arguments: str | Path, columns: int = 80, **environment: str
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit code and what it printed."""
    terminal, terminal_end = pty.openpty()
    own = {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": str(columns)}
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=terminal_end,
        stdout=terminal_end,
        stderr=terminal_end,
        env=os.environ | own | environment,
        cwd=folder,
    )
    os.close(terminal_end)
    printed = b""
    while chunk := _read(terminal):
        printed += chunk
    os.close(terminal)
    return process.wait(30), printed.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux raises it when the other side has closed
        return b""
