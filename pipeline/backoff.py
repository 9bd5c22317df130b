"""How long to wait after consecutive failures."""

import random
import time
from collections.abc import Callable


def backoff(failures: int, *, base: float = 5.0, cap: float = 900.0) -> float:
    """Return the seconds until the next try, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    longest = min(cap, base * 2 ** min(failures, 20))
    return random.uniform(0.0, longest)  # noqa: S311 (no secret)


class Backoff:
    """Counts consecutive failures, and knows when the next try is due.

    ``base`` and ``cap`` are in seconds, as in ``backoff``; ``clock`` is monotonic,
    in seconds.
    """

    def __init__(
        self, *, base: float, cap: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._base = base
        self._cap = cap
        self._clock = clock
        self.failures = 0
        self.due_at = float("-inf")
        """When the next try is due, by the clock."""

    @property
    def due(self) -> bool:
        return self._clock() >= self.due_at

    def fail(self) -> float:
        """Count a failure, and return the seconds until the next try is due."""
        self.failures += 1
        delay = backoff(self.failures, base=self._base, cap=self._cap)
        self.due_at = self._clock() + delay
        return delay

    def reset(self) -> None:
        """Reset the count, after a success."""
        self.failures = 0
        self.due_at = float("-inf")
