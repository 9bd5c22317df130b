"""What a reply asks for, whatever the format it was written in."""

from dataclasses import dataclass

FORMAT = """\
path/of/the/file.py
<<<<<<< SEARCH
whole lines exactly as they are in the file, indentation included, enough of them to occur only once
=======
the lines that take their place
>>>>>>> REPLACE
(a new file: its path, and nothing between SEARCH and =======)"""

MAX_EDITS = 500
"""Of a reply; a reader may stop after one more."""


class EditFailed(Exception):
    """An edit can't be read or applied; nothing of its reply is. The text tells the model which
    block, and why.
    """


Lines = tuple[str, ...]


@dataclass(frozen=True)
class Replace:
    """Lines that take the place of others. Where the reply can be read in several ways, the
    likelier come first.
    """

    readings: tuple[tuple[Lines, Lines], ...]
    """(search, replace), without line ends. An empty search makes a new file."""
    start: int | None = None
    """Line of the file that the reply names, from 1: it may only choose between places that fit alike."""
    anchors: Lines = ()
    """Lines of the file above the place: a diff's section headings. They, too, only choose."""


@dataclass(frozen=True)
class Hunks:
    """Replacements that all speak of the file as it was before any of them."""

    hunks: tuple[Replace, ...]


@dataclass(frozen=True)
class Substring:
    """A piece of text, not of whole lines, that takes the place of another, once or ``everywhere``."""

    old: str
    new: str
    everywhere: bool = False


@dataclass(frozen=True)
class Span:
    """Lines ``start`` to ``end`` are replaced, whatever they are. From 1, both included; start - 1
    inserts.
    """

    start: int
    end: int
    new: Lines


@dataclass(frozen=True)
class Whole:
    """The file's whole text, new or instead of what was there."""

    lines: Lines
    sure: bool = True
    """False where only the reply's looks say that this is the whole file."""


@dataclass(frozen=True)
class Delete:
    """The file is removed."""


Change = Replace | Hunks | Substring | Span | Whole | Delete


@dataclass(frozen=True)
class Edit:
    number: int
    """Of the block in its reply, from 1."""
    path: str
    change: Change


@dataclass(frozen=True)
class Problem:
    """What a reader met and could not read."""

    line: int
    """Of the reply, from 1."""
    what: str


@dataclass(frozen=True)
class Found:
    """What one reader found in a reply."""

    edits: tuple[Edit, ...] = ()
    problems: tuple[Problem, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    """Lines of the reply that the edits take, from 0, ends excluded."""
