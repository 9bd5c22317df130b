"""The hunks of a diff: their headers and their lines."""

import re
from dataclasses import dataclass

from repository.edits.model import Lines, Replace, SearchReplace

HUNK_HEADER = re.compile(
    r"^@@[@ ]*(?:-(?P<start>\d+)(?:,(?P<old>\d+))?"
    r" \+\d+(?:,(?P<new>\d+))?)?[^@]*(?:@@+(?P<heading>.*))?"
)


@dataclass
class Counts:
    """The numbers of remaining lines in a hunk, according to its header."""

    old: int
    new: int

    def pass_line(self, line: str) -> None:
        if line[:1] in ("", " ", "-"):
            self.old -= 1
        if line[:1] in ("", " ", "+"):
            self.new -= 1

    @property
    def are_done(self) -> bool:
        return self.old == 0 and self.new == 0


def stated_counts(header: re.Match[str] | None) -> Counts | None:
    """Return the line counts in a hunk's header; an omitted count is 1."""
    if header is None or not header["start"]:
        return None
    old = header["old"] or 1
    new = header["new"] or 1
    return Counts(int(old), int(new))


def parse_hunk(body: list[str], header: re.Match[str] | None) -> Replace | None:
    """Return a hunk's replacement; None if it changes nothing.

    Context may have lost its leading space, so a variant with the context as written is added.
    """
    lines = [line for line in body if not line.startswith("\\")]
    if not any(is_change(line) for line in lines):
        return None
    as_usual = SearchReplace(
        search=_side(lines, "-", " "),
        replacement=_side(lines, "+", " "),
    )
    as_written = SearchReplace(
        search=_side(lines, "-", ""),
        replacement=_side(lines, "+", ""),
    )
    if as_usual.search == as_usual.replacement:
        return None
    variants = tuple(dict.fromkeys((as_usual, as_written)))
    if header is None:
        return Replace(variants)
    line = int(header["start"]) if header["start"] else 0
    heading = (header["heading"] or "").strip()
    return Replace(
        variants=variants,
        line=line or None,
        anchors=(heading,) if heading else (),
    )


def is_change(line: str) -> bool:
    """Return whether a line of a hunk is a removed or added one rather than context."""
    return line.startswith(("+", "-"))


def _side(lines: list[str], mark: str, prefix: str) -> Lines:
    """Return one side of a hunk: the lines with ``mark``, and the context without ``prefix``."""
    other = "+" if mark == "-" else "-"
    side: list[str] = []
    for line in lines:
        if line.startswith(mark):
            side.append(line[1:])
        elif not line.startswith(other):
            side.append(line.removeprefix(prefix))
    return tuple(side)
