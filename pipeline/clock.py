"""The service's two clocks, injected together."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    now: Callable[[], float] = time.time
    """Seconds since the epoch, for stored times."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that ignore changes of the system clock, for waits and measurements."""


def iso_time(seconds: float) -> str:
    """Format seconds since the epoch as ``2026-01-31T12:00:00Z``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
