"""The two times that a service needs, injected together."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    now: Callable[[], float] = time.time
    """Seconds since the epoch, as the store counts them."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that no change of the machine's date moves: for waits and measurements."""
