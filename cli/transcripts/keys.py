"""Keys from a terminal, one at a time."""

import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[C": "right",
    b"\x1bOC": "right",
    b"\x1b[D": "left",
    b"\x1bOD": "left",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"\x1b[F": "end",
    b"\x1b": "escape",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "backspace",
    b"\x08": "backspace",
}
#: Not a key of the terminal: its size has changed.
RESIZED = "resized"


class _Resized(Exception):
    """Interrupts the wait for a key."""


class Keyboard:
    """Reads the keys that a user presses."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._waiting = b""

    def read(self) -> str:
        """Return the next key: a character, or a name such as ``up``; ``q`` at the end of input."""
        if not self._waiting:
            try:
                self._waiting = os.read(self._descriptor, 1024)
            except _Resized:
                return RESIZED
        if not self._waiting:
            return "q"
        for sequence, name in _SEQUENCES.items():
            if self._waiting.startswith(sequence):
                self._waiting = self._waiting[len(sequence) :]
                return name
        return self._read_character()

    def _read_character(self) -> str:
        for length in range(1, 5):
            try:
                character = self._waiting[:length].decode()
            except UnicodeDecodeError:
                continue
            self._waiting = self._waiting[length:]
            return character
        self._waiting = self._waiting[1:]
        return "?"


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """Read keys one by one and without echo until the block ends."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    handler = signal.signal(signal.SIGWINCH, _interrupt)
    try:
        tty.setcbreak(descriptor)
        yield Keyboard(descriptor)
    finally:
        signal.signal(signal.SIGWINCH, handler)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise _Resized
