"""Split a file's text into lines, and replace some of them without touching the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from repository.common_edges import common_edges
from repository.edits.model import Lines

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Match:
    """Lines ``start`` to ``end`` of a file (from 0, end excluded) and their replacement."""

    start: int
    end: int
    replacement: Lines
    alternatives: tuple[Lines, ...] = ()
    """Other replacements that the edit could mean; the caller needs a reason to choose one."""
    rung: str = ""
    """Name of the rung that located the lines."""


@dataclass(frozen=True)
class FileLines:
    """The lines of a text and their endings. A lone CR is content."""

    mark: str
    """The byte-order mark, or an empty string."""
    lines: list[str]
    ends: list[str]
    """One line ending for each line: LF, CRLF, or empty for a last line without one."""

    @classmethod
    def split(cls, text: str) -> Self:
        """Split a text without loss: mark, lines and endings joined are the text."""
        mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
        pieces = text.removeprefix(mark).split("\n")
        unended = pieces.pop()
        lines: list[str] = []
        ends: list[str] = []
        for piece in pieces:
            lines.append(piece.removesuffix("\r"))
            ends.append("\r\n" if piece.endswith("\r") else "\n")
        if unended:
            lines.append(unended)
            ends.append("")
        return cls(mark, lines, ends)

    def replace_lines(self, matches: Sequence[Match]) -> str:
        """Return the text with the matches replaced.

        Unchanged lines keep their endings, new lines get the most common ending, and the last line
        has an ending only if it had one before. The matches must not overlap.
        """
        newline = self._usual_end()
        lines: list[str] = []
        ends: list[str] = []
        at = 0
        for match in sorted(matches, key=lambda match: match.start):
            changed = _without_common_edges(self.lines, match)
            lines += self.lines[at : changed.start]
            ends += self.ends[at : changed.start]
            lines += changed.replacement
            ends += [newline] * len(changed.replacement)
            at = changed.end
        lines += self.lines[at:]
        ends += self.ends[at:]
        ends = [end or newline for end in ends]
        if ends and self._is_unended():
            ends[-1] = ""
        ended_lines = map(str.__add__, lines, ends)
        return self.mark + "".join(ended_lines)

    def _is_unended(self) -> bool:
        return bool(self.ends) and self.ends[-1] == ""

    def _usual_end(self) -> str:
        windows = self.ends.count("\r\n")
        unix = self.ends.count("\n")
        return "\r\n" if windows > unix else "\n"


def _without_common_edges(lines: Sequence[str], match: Match) -> Match:
    """Return the match without the lines at its edges that do not change."""
    window = lines[match.start : match.end]
    replacement = match.replacement
    head, tail = common_edges(window, replacement)
    end = len(replacement) - tail
    return Match(
        start=match.start + head,
        end=match.end - tail,
        replacement=replacement[head:end],
    )
