"""A whole timesheet."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from hourglass.entries import Entry, parse_entry


class Timesheet:
    def __init__(self, entries: Iterable[Entry]):
        self.entries = list(entries)

    @classmethod
    def parse(cls, text: str) -> "Timesheet":
        """Read a sheet; blank lines and lines that begin with # are left out."""
        lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
        return cls(parse_entry(line) for line in lines)

    def total(self) -> timedelta:
        return sum((entry.duration for entry in self.entries), timedelta())

    def by_task(self) -> dict[str, timedelta]:
        """Time spent on each task, in the order in which tasks first appear."""
        spent: dict[str, timedelta] = defaultdict(timedelta)
        for entry in self.entries:
            spent[entry.task] += entry.duration
        return dict(spent)
