"""One line of a timesheet."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_LINE = re.compile(r"^(?P<day>\d{4}-\d\d-\d\d) (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d) (?P<task>\S.*)$")


class BadEntry(ValueError):
    """A line that is no entry."""


@dataclass(frozen=True)
class Entry:
    day: date
    start: datetime
    end: datetime
    task: str

    @property
    def duration(self) -> timedelta:
        return self.end - self.start


def parse_entry(line: str) -> Entry:
    """Read one line such as ``2024-03-01 09:00-12:30 billing``."""
    match = _LINE.match(line.strip())
    if match is None:
        raise BadEntry(f"not an entry: {line!r}")
    day = date.fromisoformat(match["day"])
    start = _at(day, match["start"])
    end = _at(day, match["end"])
    return Entry(day, start, end, match["task"].strip())


def _at(day: date, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return datetime(day.year, day.month, day.day, int(hours), int(minutes))
