"""The pause between two writes to GitHub."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class WritePace:
    """Lets one write at a time through, and none sooner than ``seconds`` after the last one.

    GitHub asks for at least a second
    (https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api).
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_at = float("-inf")
        """By the clock: when the next write may begin."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait for the turn of a write, which lasts as long as the block.

        A write that failed counts, too: it may have had its effect.
        """
        with self._lock:
            delay = self._next_at - self._clock()
            if delay > 0:
                self._sleep(delay)
            try:
                yield
            finally:
                self._next_at = self._clock() + self._seconds
