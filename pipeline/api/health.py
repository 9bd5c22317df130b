"""Health checks: whether the worker's loops are turning, and whether a job could run now."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio

from pipeline.api.problem import Refusal
from pipeline.clock import Clock, iso_time
from pipeline.errors import Family, describe, judge

log = logging.getLogger(__name__)

#: Seconds that a check may take.
CHECK_SECONDS = 5.0
#: Anyone can call /ready, so its result is cached for this many seconds.
READY_SECONDS = 5.0

Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Degraded:
    """The result of a check by which jobs can run, but not everything works for them."""

    reason: str


@dataclass(frozen=True)
class ReadinessReport:
    checks: list[str]
    degraded: dict[str, str]
    """The name of a check -> what does not work."""


class Liveness:
    """The check that the worker's loops are turning, whether or not its work succeeds.

    ``vitals`` returns the seconds since the last turn of each loop; above ``stale_seconds`` a loop
    is stuck. ``paused`` returns why the worker receives no messages; None if it does.
    """

    def __init__(
        self,
        vitals: Callable[[], Mapping[str, float]],
        paused: Callable[[], str | None],
        stale_seconds: float,
        clock: Clock,
    ):
        self._vitals = vitals
        self.paused = paused
        self._stale_seconds = stale_seconds
        self._clock = clock

    def check(self) -> dict[str, float]:
        """Return the seconds since each loop's last turn.

        Raises:
            Refusal: 503 if a loop is stuck.
        """
        vitals = self._vitals()
        stuck = []
        for name, seconds in vitals.items():
            if seconds > self._stale_seconds:
                since = iso_time(self._clock.now() - seconds)
                limit = f"{self._stale_seconds:g}"
                stuck.append(
                    f"{name} has not turned since {since} ({seconds:.0f} s ago; at most {limit} s)"
                )
        if stuck:
            raise Refusal(503, "unhealthy", "; ".join(stuck))
        return {name: round(seconds, 1) for name, seconds in vitals.items()}


class Readiness:
    """The check that a job could run now. Each of ``checks`` fails by raising.

    The checks run concurrently, for one caller at a time, and at most every READY_SECONDS.
    """

    def __init__(self, checks: Mapping[str, Check], clock: Clock):
        self._checks = checks
        self._clock = clock
        self._lock = asyncio.Lock()
        self._checked_at = float("-inf")
        self._failures: dict[str, str] = {}
        self._degraded: dict[str, str] = {}

    async def check(self) -> ReadinessReport:
        """Return the names of the checks, and what does not work although a job could run.

        Raises:
            Refusal: 503 if a check fails.
        """
        failures = await self._find_failures()
        if failures:
            message = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
            raise Refusal(503, "not_ready", message, retry_after=int(READY_SECONDS))
        return ReadinessReport(sorted(self._checks), dict(self._degraded))

    async def _find_failures(self) -> dict[str, str]:
        """Return name -> reason, without anything confidential."""
        async with self._lock:
            now = self._clock.monotonic()
            if now - self._checked_at >= READY_SECONDS:
                names = list(self._checks)
                self._degraded = {}
                reasons = await asyncio.gather(*[self._reason(name) for name in names])
                self._failures = {}
                for name, reason in zip(names, reasons, strict=True):
                    if reason is not None:
                        self._failures[name] = reason
                self._checked_at = self._clock.monotonic()
            return self._failures

    async def _reason(self, name: str) -> str | None:
        """Return why a check fails, or None. The log has the details."""
        try:
            with anyio.fail_after(CHECK_SECONDS):
                result = await self._checks[name]()
        except Exception as error:
            log.warning("not ready: %s: %s", name, describe(error))
            return _reason_of(error)
        if isinstance(result, Degraded):
            self._degraded[name] = result.reason
        return None


def _reason_of(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {CHECK_SECONDS:g} seconds"
    verdict = judge(error)
    if verdict.family is Family.DEFECT:
        return "the check failed; the log says why"
    return verdict.reason
