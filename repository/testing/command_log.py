"""Run commands in the sandbox and keep a human-readable log of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from repository.testing.models import Phase
from sandbox import Sandbox, SandboxCommand, SandboxResult

_MAX_WORD = 300
"""Characters; a longer argument, such as a program's text, is shown as ``...``."""


class CommandLog:
    """The commands in order, with their output and exit codes."""

    def __init__(self) -> None:
        self._entries: list[str] = []
        self._seconds: dict[str, float] = {}
        self._inner_seconds: list[float] = []
        """For each open phase, the seconds of the phases inside it."""

    @property
    def text(self) -> str:
        return "".join(self._entries)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in the order in which they began."""
        return tuple(Phase(name=name, seconds=value) for name, value in self._seconds.items())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure the time of a phase without the phases inside it.

        The times of phases of one name are added up.
        """
        self._seconds.setdefault(name, 0.0)
        self._inner_seconds.append(0.0)
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            own_seconds = seconds - self._inner_seconds.pop()
            if self._inner_seconds:
                self._inner_seconds[-1] += seconds
            self._seconds[name] = round(self._seconds[name] + own_seconds, 2)
            self.note(f"[{name}: {own_seconds:.1f} s]")

    def note(self, text: str) -> None:
        """Add a line of our own."""
        self._entries.append(f"{text}\n")

    async def run_logged(
        self, sandbox: Sandbox, command: SandboxCommand, title: str = ""
    ) -> SandboxResult:
        """Run a command and log it; ``title``, if given, replaces its arguments in the log."""
        result = await sandbox.run(command)
        self.note(f"$ {title or _shorten(command.argv)}")
        self.note(result.output)
        self.note(f"[ended with {result.returncode} after {result.seconds:.1f} s]")
        return result


def _shorten(argv: tuple[str, ...]) -> str:
    words: list[str] = []
    for word in argv:
        words.append(word if len(word) < _MAX_WORD else "...")
    return " ".join(words)
