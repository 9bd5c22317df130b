"""The building blocks of every reader: a cursor, and the reading that it fills."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from repository.edits.model import Change, Edit


class Unreadable(Exception):
    """A part of a reply is meant as an edit but can't be read; the message says why."""


@dataclass(frozen=True)
class Problem:
    """A part of a reply that could not be read."""

    line: int
    """The line of the reply, from 1."""
    message: str


@dataclass
class Reading:
    """The result of one reader: the edits and problems in a reply."""

    edits: list[Edit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    spans: list[range] = field(default_factory=list)
    """Lines of the reply, from 0, that belong to edits."""

    @property
    def is_empty(self) -> bool:
        """Whether neither an edit nor a problem was read."""
        return not (self.edits or self.problems)

    @property
    def next_number(self) -> int:
        """The number of the next edit."""
        return len(self.edits) + 1

    def add_edit(self, path: str, change: Change) -> None:
        self.edits.append(Edit(self.next_number, path, change))

    def add_problem(self, at: int, message: str) -> None:
        """Add a problem at the line ``at``, counted from 0."""
        self.problems.append(Problem(at + 1, message))

    def add_span(self, start: int, end: int) -> None:
        """Mark lines, counted from 0, as part of an edit; the end is excluded."""
        self.spans.append(range(start, end))

    def starts(self) -> list[int]:
        """Return the lines, from 0, at which an edit begins or a problem is."""
        problems = [problem.line - 1 for problem in self.problems]
        return [span.start for span in self.spans] + problems

    def covers(self, at: int) -> bool:
        """Return whether a line, counted from 0, is part of an edit."""
        return any(at in span for span in self.spans)


class Cursor:
    """A position that moves down the lines of a reply."""

    def __init__(self, lines: Sequence[str]):
        self.lines = lines
        self.at = 0

    @property
    def at_end(self) -> bool:
        return self.at >= len(self.lines)

    @property
    def line(self) -> str:
        """The line at the position; there must be one."""
        return self.lines[self.at]

    @property
    def next_line(self) -> str:
        """The line below; empty after the last one."""
        following = self.at + 1
        return self.lines[following] if following < len(self.lines) else ""

    @property
    def previous_line(self) -> str:
        """The line above; empty before the first one."""
        return self.lines[self.at - 1] if self.at > 0 else ""

    def advance(self, count: int = 1) -> None:
        self.at += count

    def take_until(self, stop: Callable[[str], object]) -> list[str]:
        """Move to the first line for which ``stop`` is true; return the lines passed."""
        start = self.at
        while not self.at_end and not stop(self.line):
            self.advance()
        return list(self.lines[start : self.at])
