"""Heartbeats on a separate thread, so that no lease is lost while the event loop is blocked.

event loop                              heartbeat thread
----------                              ----------------
hold(key, beat, interrupt)  -- watch -->  every ``interval`` seconds: beat()
                                            renews the lease, extends the message
interrupt(LOST, why)        <-----------  beat() raised LeaseLost, or failed for too long
interrupt(CANCELLED)        <-----------  beat() returned True
leaving hold()             -- unwatch ->  waits for the current beat; no more follow
"""

import asyncio
import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from pipeline.errors import LeaseLost, describe
from pipeline.threads import CONTROL
from pipeline.worker.execution import Interruption

log = logging.getLogger(__name__)


@dataclass
class _Watch:
    """A watched key. ``due`` and ``renewed_at`` are by the heartbeat's clock."""

    key: str
    beat: Callable[[], bool]
    on_lost: Callable[[str], object]
    on_cancel: Callable[[], object]
    due: float
    renewed_at: float
    context: contextvars.Context
    """The watcher's, so that log lines of a beat have the fields of its run."""
    ended: bool = False
    cancel_reported: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held during a beat, so that ``unwatch`` can wait for its end."""


class Heartbeat:
    """Beats for each watched key every ``interval`` seconds, while entered as a context.

    ``lease_seconds`` is how long a lease lasts after a successful beat; ``clock`` is monotonic, in
    seconds.
    """

    def __init__(
        self, interval: float, *, lease_seconds: float, clock: Callable[[], float] = time.monotonic
    ):
        self._interval = interval
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._watches: dict[str, _Watch] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._turned_at = clock()
        self.lateness: deque[float] = deque(maxlen=1000)
        """By how many seconds each of the last beats began late."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    @asynccontextmanager
    async def hold(
        self,
        key: str,
        beat: Callable[[], bool],
        interrupt: Callable[[Interruption, str], object],
    ) -> AsyncIterator[None]:
        """Beat for ``key`` while entered; ``interrupt`` is called on the caller's event loop.

        ``beat`` is as in ``watch``. ``interrupt`` gets LOST with the reason, or CANCELLED.
        """
        loop = asyncio.get_running_loop()

        def on_lost(reason: str) -> None:
            loop.call_soon_threadsafe(interrupt, Interruption.LOST, reason)

        def on_cancel() -> None:
            loop.call_soon_threadsafe(interrupt, Interruption.CANCELLED, "")

        self.watch(key, beat, on_lost=on_lost, on_cancel=on_cancel)
        try:
            yield
        finally:
            if not self.unwatch(key, wait=False):
                await CONTROL.run(self.unwatch, key)

    def watch(
        self,
        key: str,
        beat: Callable[[], bool],
        *,
        on_lost: Callable[[str], object],
        on_cancel: Callable[[], object],
    ) -> None:
        """Beat for ``key`` until ``unwatch``.

        ``beat`` returns whether a cancellation of the run was requested. The lease is lost if it
        raises LeaseLost, or if other errors persist until the lease may have expired. The callbacks
        are called on the heartbeat's thread, each at most once.
        """
        now = self._clock()
        due = now + self._interval
        with self._changed:
            # The thread sleeps for at most one interval, so it need not be woken.
            self._watches[key] = _Watch(
                key,
                beat,
                on_lost,
                on_cancel,
                due=due,
                renewed_at=now,
                context=contextvars.copy_context(),
            )

    def unwatch(self, key: str, *, wait: bool = True) -> bool:
        """Stop beating for ``key``, and wait for a beat in progress: call this in a thread.

        Without ``wait`` it does not block: if a beat is in progress, it changes nothing.

        Returns:
            Whether no beat follows.
        """
        with self._changed:
            watch = self._watches.get(key)
        if watch is None:
            return True
        if not watch.lock.acquire(blocking=wait):
            return False
        try:
            watch.ended = True
        finally:
            watch.lock.release()
        self._remove(watch)
        return True

    def _remove(self, watch: _Watch) -> None:
        with self._changed:
            if self._watches.get(watch.key) is watch:
                del self._watches[watch.key]

    def drain_lateness(self) -> list[float]:
        """Return the beats' lateness, in seconds, since the last call."""
        with self._changed:
            lateness = list(self.lateness)
            self.lateness.clear()
        return lateness

    @property
    def seconds_idle(self) -> float:
        """Seconds since the thread's last turn; if much more than an interval, it is stuck."""
        return self._clock() - self._turned_at

    def _run(self) -> None:
        while True:
            watch = self._wait_for_next()
            if watch is None:
                return
            watch.context.run(self._beat_safely, watch)

    def _beat_safely(self, watch: _Watch) -> None:
        try:
            self._beat(watch)
        except Exception:
            log.exception("a heartbeat's callback failed for %s", watch.key)

    def _wait_for_next(self) -> _Watch | None:
        """Wait until a beat is due. Return None if the heartbeat was stopped."""
        with self._changed:
            while not self._stopped:
                self._turned_at = self._clock()
                watch = min(self._watches.values(), key=lambda watch: watch.due, default=None)
                wait = self._interval
                if watch is not None:
                    wait = watch.due - self._turned_at
                    if wait <= 0:
                        self.lateness.append(-wait)
                        return watch
                self._changed.wait(min(wait, self._interval))
        return None

    def _beat(self, watch: _Watch) -> None:
        with watch.lock:
            if watch.ended:
                return
            began = self._clock()
            watch.due = began + self._interval
            try:
                cancel_requested = watch.beat()
            except LeaseLost as error:
                self._lose(watch, str(error))
            except Exception as error:
                log.warning("heartbeat of %s failed: %s", watch.key, describe(error))
                self._retry_or_lose(watch)
            else:
                watch.renewed_at = began
                if cancel_requested and not watch.cancel_reported:
                    watch.cancel_reported = True
                    watch.on_cancel()

    def _retry_or_lose(self, watch: _Watch) -> None:
        """Beat again soon, or give up before the lease can expire and be claimed by another."""
        watch.due = self._clock() + self._interval / 4
        without_renewal = watch.due - watch.renewed_at
        if without_renewal >= self._lease_seconds:
            self._lose(watch, f"the lease could not be renewed for {without_renewal:.0f} s")

    def _lose(self, watch: _Watch, reason: str) -> None:
        watch.ended = True
        self._remove(watch)
        watch.on_lost(reason)
