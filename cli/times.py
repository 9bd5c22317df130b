"""Points in time on the command line: --since, and how they are printed."""

import re
import time
from datetime import UTC, datetime

import click

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _parse(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    ago = _AGO.fullmatch(value)
    if ago is not None:
        return time.time() - int(ago[1]) * _UNIT_SECONDS[ago[2]]
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return parsed.timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither an age, such as 90m, 2h or 3d, nor a time, such as"
            " 2026-01-31T08:00"
        ) from None


#: Its value is in seconds since the epoch; a time without a zone is in UTC.
since_option = click.option(
    "--since",
    metavar="2h|ISO",
    callback=_parse,
    help="Nothing older than this: 90m, 2h or 3d, or an ISO 8601 time.",
)


def clock_time(seconds: float) -> str:
    """Return a duration as on a stopwatch: ``0:07`` or ``1:02:03``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minute:02}:{second:02}"
    return f"{minute}:{second:02}"


def iso_time(seconds: float) -> str:
    """Return seconds since the epoch as an ISO 8601 time in UTC, without fractions."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
