"""The limits of a round: money and minutes, and a number of steps as a safeguard."""

import time

from pipeline.stage import RunContext

MAX_STEPS = 150
#: Share of the run's remaining time that a round may use; the rest is for testing the proposal.
MINUTES_SHARE = 0.7
#: Share of a limit at which the model is reminded of it.
REMINDER_AT = 0.8
_MIN_SECONDS = 10.0


class RoundLimits:
    """Measures one round against its limits."""

    def __init__(self, run: RunContext):
        self._run = run
        self._seconds = run.seconds_left() * MINUTES_SHARE
        self._begin = time.monotonic()

    def reached(self, steps: int) -> str | None:
        """Return which limit is reached; None if none is."""
        if steps >= MAX_STEPS:
            return f"all {MAX_STEPS} steps are used up"
        if self._elapsed() > self._seconds:
            return "the time for a proposal is used up"
        return None

    def seconds_left(self) -> float:
        """Return the time limit of one call."""
        return max(self._seconds - self._elapsed(), _MIN_SECONDS)

    async def nearly_used(self, steps: int) -> str | None:
        """Return how much of the nearest limit is used; None if it is not near."""
        shares = {
            f"{steps} of {MAX_STEPS} steps": steps / MAX_STEPS,
            f"{self._elapsed() / 60:.0f} of {self._seconds / 60:.0f} minutes": (
                self._elapsed() / max(self._seconds, 1.0)
            ),
        }
        cost = await self._run.ledger.cost_usd()
        limit = self._run.limits.max_cost_usd
        shares[f"${cost:.2f} of ${limit:.2f}"] = cost / limit if limit else 0.0
        nearest = max(shares, key=lambda name: shares[name])
        return nearest if shares[nearest] >= REMINDER_AT else None

    def _elapsed(self) -> float:
        return time.monotonic() - self._begin
