"""The edits of a reply, independent of the format in which it was written."""

from collections.abc import Sequence
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
"""In one reply; a reader may stop after one more."""

Lines = tuple[str, ...]
"""Lines without their line ends."""


class EditFailed(Exception):
    """An edit that can't be read or applied, so that nothing of its reply is applied.

    The text is for the model: which block, and why.
    """


@dataclass(frozen=True)
class SearchReplace:
    """Lines to find in a file and the lines that replace them. An empty search makes a new file."""

    search: Lines
    replacement: Lines


@dataclass(frozen=True)
class Replace:
    """Replace lines that are located by their text."""

    variants: tuple[SearchReplace, ...]
    """Usually one. Where the reply can be read in several ways, the likelier come first."""
    line: int | None = None
    """Line of the file that the reply states, from 1. Only used to choose between equal matches."""
    anchors: Lines = ()
    """Lines of the file above the place, such as a diff's section headings. Only used to choose
    between equal matches."""


@dataclass(frozen=True)
class Hunks:
    """Replacements that all refer to the file as it was before the first of them."""

    hunks: tuple[Replace, ...]


@dataclass(frozen=True)
class ReplaceText:
    """Replace a piece of text, not only of whole lines: its one occurrence, or every one."""

    old: str
    new: str
    everywhere: bool = False


@dataclass(frozen=True)
class ReplaceLines:
    """Replace the lines ``start`` to ``end``, whatever they contain.

    Counted from 1, both included. With ``end`` = ``start`` - 1 the new lines are inserted.
    """

    start: int
    end: int
    new: Lines


@dataclass(frozen=True)
class WriteFile:
    """Write the whole text of a file, new or existing."""

    lines: Lines
    explicit: bool = True
    """False where only the layout of the reply suggests that this is the whole file."""


@dataclass(frozen=True)
class DeleteFile:
    """Remove the file."""


Change = Replace | Hunks | ReplaceText | ReplaceLines | WriteFile | DeleteFile


@dataclass(frozen=True)
class Edit:
    """One change of one file."""

    number: int
    """Of the block in its reply, from 1."""
    path: str
    change: Change


def is_blank(lines: Sequence[str]) -> bool:
    """Return whether no line has anything but whitespace."""
    return not any(line.strip() for line in lines)
