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
(a new file: its path, and nothing between SEARCH and =======)
(to delete a file, a line of its own: *** Delete File: path/of/the/file.py)
(to rename one, above the blocks for its new path: *** Move File: old/path.py -> new/path.py)"""

MAX_EDITS = 500
"""Maximum number of edits in one reply; a reader may stop after one more."""

Lines = tuple[str, ...]
"""Lines without their line endings."""


class EditFailed(Exception):
    """An edit can't be read or applied, so none of its reply is applied.

    The message is for the model: which block, and why, in our own words. What it quotes of a file
    or a reply is framed as code.
    """


@dataclass(frozen=True)
class SearchReplace:
    """Lines to find in a file and their replacement. An empty search creates a new file."""

    search: Lines
    replacement: Lines


@dataclass(frozen=True)
class Replace:
    """Replace lines that are located by their text."""

    variants: tuple[SearchReplace, ...]
    """Usually one. If the reply can be read in several ways, the likelier come first."""
    line: int | None = None
    """The line number stated by the reply, from 1. Only used to choose between equal matches."""
    anchors: Lines = ()
    """Lines of the file above the edit, such as a diff's section headings. Only used to choose
    between equal matches."""


@dataclass(frozen=True)
class Hunks:
    """Replacements that all refer to the file as it was before the first of them."""

    hunks: tuple[Replace, ...]


@dataclass(frozen=True)
class ReplaceText:
    """Replace a text, which need not be whole lines: its only occurrence, or every one."""

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
    """False if only the layout of the reply suggests that this is the whole file."""


@dataclass(frozen=True)
class DeleteFile:
    """Remove the file."""


@dataclass(frozen=True)
class MoveFile:
    """Rename the file, or copy it; content and mode stay."""

    to: str
    keeps_source: bool = False
    """Whether the file stays where it is, too."""


@dataclass(frozen=True)
class SetMode:
    """Make the file executable, or no longer executable."""

    executable: bool


Change = Replace | Hunks | ReplaceText | ReplaceLines | WriteFile | DeleteFile | MoveFile | SetMode


@dataclass(frozen=True)
class Edit:
    """One change of one file."""

    number: int
    """The block's number in its reply, from 1."""
    path: str
    change: Change


def is_blank(lines: Sequence[str]) -> bool:
    """Return whether no line has anything but whitespace."""
    return not any(line.strip() for line in lines)
