"""The git commands of one run, which end with it.

A command blocks its thread, and cancelling the task that waits for the thread does not end it.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from repository.git.errors import GitUnavailable


class GitCommands:
    """The commands started in a context and in the threads and tasks that it was copied to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = threading.Event()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the commands that are started in this context belong to these."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def end(self) -> None:
        """End the commands that run. Those that are started later raise GitUnavailable."""
        with self._lock:
            self._ended.set()
            for process in self._running:
                _signal_group(process, signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for this long.

        Raises:
            GitUnavailable: the commands are ended.
        """
        if self._ended.wait(seconds):
            raise GitUnavailable("the run was interrupted")

    @contextmanager
    def start(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        stdin: int,
        stderr: int,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Provide a running command whose output is piped; nothing of it runs on afterwards.

        ``stdin`` and ``stderr`` are as in ``subprocess.Popen``.

        Raises:
            GitUnavailable: the commands are ended.
        """
        with subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                self._add(process)
                yield process
            finally:
                _signal_group(process, signal.SIGKILL)
                self._remove(process)
        self.wait(0)  # what it returned after it was ended is no result

    def _add(self, process: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._running.add(process)
        self.wait(0)

    def _remove(self, process: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._running.discard(process)


#: Those of no run are never ended.
_current: ContextVar[GitCommands] = ContextVar("git_commands", default=GitCommands())  # noqa: B039


def current_commands() -> GitCommands:
    """Return those that a command belongs to if it is started now."""
    return _current.get()


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal to a command and to what it has started; nothing if it has ended."""
    if process.poll() is None:
        with suppress(ProcessLookupError):  # it has just ended, and another thread waited for it
            os.killpg(process.pid, number)
