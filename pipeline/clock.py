"""The service's two clocks, injected together, and how it writes times."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal


@dataclass(frozen=True)
class Clock:
    now: Callable[[], float] = time.time
    """Seconds since the epoch, for stored times."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that ignore changes of the system clock, for waits and measurements."""


def iso_time(seconds: float, precision: Literal["seconds", "milliseconds"] = "seconds") -> str:
    """Format seconds since the epoch as RFC 3339 in UTC: ``2026-01-31T12:00:00Z``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def budget_day(seconds: float) -> str:
    """Return the day that money is counted for: the UTC date, ``2026-01-31``."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
