"""What a run may spend: its limits, its money and its time."""

import time
from dataclasses import dataclass

from pipeline.job import Limits
from pipeline.model.ledger import Ledger


@dataclass(frozen=True)
class EffectiveLimits:
    """A run's limits: what the job asked for, within the deployment's ceiling."""

    max_cost_usd: float
    max_minutes: float
    max_rounds: int

    def lowered_to(self, requested: Limits) -> "EffectiveLimits":
        """Return what a job requests, but never more than these limits, the ceiling."""
        return EffectiveLimits(
            max_cost_usd=min(requested.max_cost_usd or self.max_cost_usd, self.max_cost_usd),
            max_minutes=min(requested.max_minutes or self.max_minutes, self.max_minutes),
            max_rounds=min(requested.max_rounds or self.max_rounds, self.max_rounds),
        )


class Stopwatch:
    """Measures a run's seconds of work, lap by lap.

    A lap's seconds count only once they are stored with the run, so an interrupted lap counts for
    nothing.
    """

    def __init__(self, *, used: float, limit: float):
        """Begin the first lap.

        Args:
            used: seconds that earlier deliveries worked on the run.
            limit: seconds that the run may work in total.
        """
        self._used = used
        self._limit = limit
        self._lap_start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the current lap began."""
        return time.monotonic() - self._lap_start

    @property
    def left(self) -> float:
        """Seconds that the run may still work."""
        return max(self._limit - self._used - self.elapsed, 0.0)

    def lap(self) -> float:
        """End the current lap, begin the next one, and return the ended lap's seconds."""
        seconds = self.elapsed
        self._lap_start = time.monotonic()
        self._used += seconds
        return seconds

    def discard_lap(self) -> float:
        """Restart the lap, and return the discarded seconds."""
        seconds = self.elapsed
        self._lap_start = time.monotonic()
        return seconds


@dataclass(frozen=True)
class Budget:
    """The limits, money and time of one run."""

    limits: EffectiveLimits
    ledger: Ledger
    stopwatch: Stopwatch
