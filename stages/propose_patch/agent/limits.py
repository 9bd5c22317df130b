"""The limits of a round: money and minutes, and a number of steps as a safeguard."""

from pipeline.stage import RunContext

MAX_STEPS = 150
#: Share of the run's remaining time that a round may use; the rest is for testing the proposal.
MINUTES_SHARE = 0.7
#: Share of a limit at which the model is reminded of it.
REMINDER_AT = 0.8
_MIN_SECONDS = 10.0


class RoundLimits:
    """Measures one round against its limits."""

    def __init__(self, run: RunContext, seconds_left: float):
        """``seconds_left`` is the run's remaining time when the round was opened."""
        self._run = run
        self._seconds_left = seconds_left
        self._seconds = seconds_left * MINUTES_SHARE

    @classmethod
    async def open(cls, run: RunContext, attempt: int) -> "RoundLimits":
        """Return the limits of an attempt's round; a restarted run gets the same ones."""

        async def measure() -> str:
            return str(run.seconds_left())

        name = f"attempt-{attempt}/round-{run.round}/seconds-left"
        return cls(run, float(await run.remember(name, measure)))

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

    async def nearly_used(self, steps: int, next_usd: float) -> str | None:
        """Return how much of the nearest limit is used; None if it is not near.

        Args:
            steps: the number of steps so far.
            next_usd: what the next request reserves. If that is more than what is left, only a few
                shorter replies can follow.
        """
        ledger = self._run.ledger
        cost = await ledger.cost_usd()
        limit = self._run.limits.max_cost_usd
        money = f"${cost:.2f} of ${limit:.2f}"
        if next_usd > await ledger.left_usd():
            return money
        shares = {
            f"{steps} of {MAX_STEPS} steps": steps / MAX_STEPS,
            f"{self._elapsed() / 60:.0f} of {self._seconds / 60:.0f} minutes": (
                self._elapsed() / max(self._seconds, 1.0)
            ),
            money: cost / limit if limit else 0.0,
        }
        nearest = max(shares, key=lambda name: shares[name])
        return nearest if shares[nearest] >= REMINDER_AT else None

    def _elapsed(self) -> float:
        """Return the seconds of work since the round was opened, without interruptions."""
        return max(self._seconds_left - self._run.seconds_left(), 0.0)
