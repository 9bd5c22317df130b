"""Heartbeats on a thread of their own, so that a blocked event loop can't lose a lease."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from pipeline.errors import LeaseLost, describe

log = logging.getLogger(__name__)


@dataclass
class _Pulse:
    key: str
    beat: Callable[[], bool]
    on_lost: Callable[[str], object]
    on_cancel: Callable[[], object]
    due: float
    alive_at: float
    ended: bool = False
    cancel_told: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)


class Heartbeat:
    """Beats for each watched key every ``interval`` seconds, while entered as a context.

    ``lateness`` keeps by how many seconds each of the last beats began too late; ``turned_at`` is when the thread last
    went round, at least once an interval, by the clock.
    """

    def __init__(
        self, interval: float, *, lease_seconds: float, clock: Callable[[], float] = time.monotonic
    ):
        self._interval = interval
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._pulses: dict[str, _Pulse] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.lateness: deque[float] = deque(maxlen=1000)
        self.turned_at = clock()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def watch(
        self,
        key: str,
        beat: Callable[[], bool],
        *,
        on_lost: Callable[[str], object],
        on_cancel: Callable[[], object],
    ) -> None:
        """Beat for ``key`` until ``unwatch``. The callbacks are called on the heartbeat's thread, each at most once.

        ``beat`` answers whether the run was asked to be cancelled. It is lost where it raises LeaseLost, or where its
        other errors last so long that the lease may have ended.
        """
        now = self._clock()
        with self._changed:
            # The thread sleeps for an interval at most, so that it need not be woken.
            self._pulses[key] = _Pulse(
                key, beat, on_lost, on_cancel, due=now + self._interval, alive_at=now
            )

    def unwatch(self, key: str) -> None:
        """No beat for ``key`` begins or goes on after this. It waits for one under way: call it in
        a thread.
        """
        with self._changed:
            pulse = self._pulses.pop(key, None)
        if pulse is not None:
            with pulse.lock:
                pulse.ended = True

    def take_lateness(self) -> list[float]:
        """The beats' lateness since this was last asked."""
        with self._changed:
            late = list(self.lateness)
            self.lateness.clear()
        return late

    @property
    def idle(self) -> float:
        """Seconds since the thread last went round. Much more than an interval: it is stuck, or
        dead.
        """
        return self._clock() - self.turned_at

    def _run(self) -> None:
        while (pulse := self._next()) is not None:
            try:
                self._beat(pulse)
            except Exception:
                log.exception("a heartbeat's callback failed for %s", pulse.key)

    def _next(self) -> _Pulse | None:
        """Wait until a beat is due. None: the heartbeat was stopped."""
        with self._changed:
            while not self._stopped:
                self.turned_at = self._clock()
                pulse = min(self._pulses.values(), key=lambda pulse: pulse.due, default=None)
                wait = pulse.due - self.turned_at if pulse else self._interval
                if pulse is not None and wait <= 0:
                    self.lateness.append(-wait)
                    return pulse
                self._changed.wait(min(wait, self._interval))
            return None

    def _beat(self, pulse: _Pulse) -> None:
        with pulse.lock:
            if pulse.ended:
                return
            began = self._clock()
            pulse.due = began + self._interval
            try:
                cancel = pulse.beat()
            except LeaseLost as error:
                self._lose(pulse, str(error))
            except Exception as error:
                log.warning("heartbeat of %s failed: %s", pulse.key, describe(error))
                # Tried again soon, and given up before the lease can have ended: somebody else may
                # then own the run.
                soon = self._interval / 4
                pulse.due = self._clock() + soon
                if pulse.due >= pulse.alive_at + self._lease_seconds:
                    self._lose(
                        pulse,
                        f"the lease could not be renewed for {pulse.due - pulse.alive_at:.0f} s",
                    )
            else:
                pulse.alive_at = began
                if cancel and not pulse.cancel_told:
                    pulse.cancel_told = True
                    pulse.on_cancel()

    def _lose(self, pulse: _Pulse, why: str) -> None:
        pulse.ended = True
        with self._changed:
            if self._pulses.get(pulse.key) is pulse:
                del self._pulses[pulse.key]
        pulse.on_lost(why)
