"""Backoff after consecutive failures."""

import time
from collections.abc import Callable

from pipeline.errors import backoff


class Backoff:
    """Counts consecutive failures, and knows when the next try is due.

    ``base`` and ``cap`` are in seconds, as in ``pipeline.errors.backoff``; ``clock`` is monotonic,
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
