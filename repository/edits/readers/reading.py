"""What every reader of a reply's edits is made of: a cursor, and the reading that it fills."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from repository.edits.model import Change, Edit


class Unreadable(Exception):
    """A part of a reply that is meant as an edit and can't be read; the text says why."""


@dataclass(frozen=True)
class Problem:
    """A part of a reply that could not be read."""

    line: int
    """Of the reply, from 1."""
    message: str


@dataclass
class Reading:
    """What one reader has read in a reply."""

    edits: list[Edit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    spans: list[range] = field(default_factory=list)
    """Lines of the reply that the edits take, from 0."""

    @property
    def is_empty(self) -> bool:
        """Neither an edit nor a problem was read."""
        return not (self.edits or self.problems)

    @property
    def next_number(self) -> int:
        """The number of the next edit."""
        return len(self.edits) + 1

    def add_edit(self, path: str, change: Change) -> None:
        self.edits.append(Edit(self.next_number, path, change))

    def add_problem(self, at: int, message: str) -> None:
        """Add a problem of the line ``at``, counted from 0."""
        self.problems.append(Problem(at + 1, message))

    def add_span(self, start: int, end: int) -> None:
        """Mark lines as taken, from 0, the end excluded."""
        self.spans.append(range(start, end))

    def starts(self) -> list[int]:
        """Return the lines at which something was read, from 0."""
        problems = [problem.line - 1 for problem in self.problems]
        return [span.start for span in self.spans] + problems

    def covers(self, at: int) -> bool:
        """Return whether a line, counted from 0, is taken by an edit."""
        return any(at in span for span in self.spans)


class Cursor:
    """A position in a reply that moves down its lines."""

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
