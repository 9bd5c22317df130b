"""A watchdog for the event loop, on a separate thread. It measures how late the loop is, and ends
the process if the loop is stuck.
"""

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

#: Seconds of delay from which a stall is logged.
LATE_SECONDS = 1.0
#: Seconds that writing a log line may take.
LOG_SECONDS = 5.0
#: The exit status of the ended process (EX_SOFTWARE of sysexits.h).
EXIT_STATUS = 70
#: Frames of the loop's stack in a log line.
FRAMES = 4


class Watchdog:
    """Pings the event loop in which it is entered every ``interval`` seconds.

    After ``limit`` seconds without an answer it calls ``end`` to end the process, which the service
    manager then restarts.
    """

    def __init__(
        self,
        *,
        limit: float = 300.0,
        interval: float = 1.0,
        end: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._limit = limit
        self._interval = interval
        self._end = end
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._pinged_at: float | None = None
        """When the unanswered ping was sent; None if there is none."""
        self._stall_logged = False
        self._longest_delay = 0.0
        self._stalls = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def drain_measurements(self) -> tuple[float, int]:
        """Return the loop's longest delay in seconds and its stalls since the last call."""
        measurements = (self._longest_delay, self._stalls)
        self._longest_delay = 0.0
        self._stalls = 0
        return measurements

    def check(self) -> None:
        """Ping the loop, or react if the last ping has not been answered for too long."""
        now = self._clock()
        if self._pinged_at is None:
            self._pinged_at = now
            self._stall_logged = False
            assert self._loop is not None  # noqa: S101 (entered)
            self._loop.call_soon_threadsafe(self._answer, now)
            return
        delay = now - self._pinged_at
        self._longest_delay = max(self._longest_delay, delay)
        if delay >= LATE_SECONDS and not self._stall_logged:
            self._stall_logged = True
            self._stalls += 1
            where = self._describe_stack()
            _log(log.warning, "the event loop has been blocked for %.1f s, in %s", delay, where)
        if delay >= self._limit:
            self._end_process(delay)

    def _answer(self, pinged_at: float) -> None:
        """Answer a ping; called by the loop."""
        delay = self._clock() - pinged_at
        self._longest_delay = max(self._longest_delay, delay)
        self._pinged_at = None

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self.check()
            except RuntimeError:  # the loop is closed
                return

    def _describe_stack(self) -> str:
        """Return the current position of the loop's thread, as ``file:line function > ...``."""
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None:
            return "no frame"
        frames = traceback.extract_stack(frame)[-FRAMES:]
        return " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)

    def _end_process(self, delay: float) -> None:
        where = self._describe_stack()
        text = "the event loop was blocked for %.0f s, in %s; this process ends, to be restarted"
        _log(log.critical, text, delay, where)
        self._end(EXIT_STATUS)


def _log(write: Callable[..., None], text: str, *values: object) -> None:
    """Write a log line, but give up after LOG_SECONDS: the loop may be stuck in a log handler while
    holding its lock.
    """
    thread = threading.Thread(target=write, args=(text, *values), daemon=True)
    thread.start()
    thread.join(LOG_SECONDS)
