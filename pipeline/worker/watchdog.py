"""A watchdog over the event loop, on a thread of its own: how late the loop is, and the end of one
that is stuck.
"""

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pipeline.errors import describe

log = logging.getLogger(__name__)

#: Seconds of delay that are worth a line in the log.
LATE = 1.0
#: Seconds that a line may take to be said.
PATIENCE = 5.0
#: The exit status of a process that ended itself (EX_SOFTWARE of sysexits.h).
EXIT_STATUS = 70


class Watchdog:
    """Asks the loop it is entered in for a sign every ``interval`` seconds. After ``limit`` seconds without one the
    process ends by ``end``, so that whoever runs the task starts it again.

    ``words`` is a file for its last words; ``last_words`` holds those of the process before this one, None where it
    ended otherwise.
    """

    def __init__(
        self,
        *,
        limit: float = 300.0,
        interval: float = 1.0,
        words: Path | None = None,
        end: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._limit = limit
        self._interval = interval
        self._words = words
        self._end = end
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loops_thread = 0
        self._asked_at: float | None = None
        """When the sign that is awaited was asked for."""
        self._told = False
        self._longest = 0.0
        self._stalls = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self.last_words = _taken(words) if words else None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._loops_thread = threading.get_ident()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def take(self) -> tuple[float, int]:
        """Since this was last asked: the loop's longest delay in seconds, and how many were over a
        second.
        """
        longest = self._longest
        stalls = self._stalls
        self._longest = 0.0
        self._stalls = 0
        return longest, stalls

    def look(self) -> None:
        """Ask for a sign, or judge how long the last one is awaited."""
        now = self._clock()
        if self._asked_at is None:
            self._asked_at = now
            self._told = False
            assert self._loop is not None  # noqa: S101 (entered)
            self._loop.call_soon_threadsafe(self._signed, now)
            return
        late = now - self._asked_at
        self._longest = max(self._longest, late)
        if late >= LATE and not self._told:
            self._told = True
            self._stalls = self._stalls + 1
            where = self._where()
            _aside(
                lambda: log.warning("the event loop has stood still for %.1f s, in %s", late, where)
            )
        if late >= self._limit:
            self._die(f"the event loop stood still for {late:.0f} s, in {self._where()}")

    def _signed(self, asked_at: float) -> None:
        self._longest = max(self._longest, self._clock() - asked_at)
        self._asked_at = None

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self.look()
            except RuntimeError:  # the loop is closed
                return

    def _where(self) -> str:
        frame = sys._current_frames().get(self._loops_thread)
        frames = traceback.extract_stack(frame)[-4:] if frame else []
        return " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)

    def _die(self, why: str) -> None:
        if words := self._words:
            said = f"{datetime.now(UTC).isoformat(timespec='seconds')}: {why}\n"
            with contextlib.suppress(OSError):  # the log's line says it too
                words.write_text(said, "utf-8")
        _aside(lambda: log.critical("%s; this process ends, so that it is started again", why))
        self._end(EXIT_STATUS)


def _aside(say: Callable[[], None]) -> None:
    """Give it ``PATIENCE``, no more: the loop may be stuck in a log that takes no line, and hold
    its lock.
    """
    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    thread.join(PATIENCE)


def _taken(words: Path) -> str | None:
    """Read once: the next process must not say again what was said of an earlier one."""
    try:
        said = words.read_text("utf-8").strip()
        words.unlink()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        log.warning("the last process's last words can't be read: %s", describe(error))
        return None
    return said
