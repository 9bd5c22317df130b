"""Here-documents in a shell command: the end of a fence or tag inside one is only content.

A model that writes a file with ``cat <<EOF`` often forgets that a fence or tag in that file also
ends the call.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

_START = re.compile(
    r"(?<!<)<<-?[ \t]*"
    r"(?:'(?P<single>[^'\n]{1,80})'|\"(?P<double>[^\"\n]{1,80})\"|\\?(?P<bare>\w{1,80}))"
)
"""See https://www.gnu.org/software/bash/manual/bash.html#Here-Documents."""
_MAX_WORD = 80


@dataclass(frozen=True)
class _Start:
    at: int
    content: int
    """The first position of the line below."""
    word: str


class ShellIndex:
    """Where here-documents can begin and end in a text."""

    def __init__(self, text: str):
        self._lines = _lines_by_word(text)
        self.starts = _find_starts(text)
        self._starts_by_word: dict[str, list[int]] = {}
        for start in self.starts:
            self._starts_by_word.setdefault(start.word, []).append(start.at)

    def first_start(self, position: int) -> int:
        """Return the index of the first start from a position on."""
        return bisect_left(self.starts, position, key=lambda start: start.at)

    def end_of(self, start: _Start) -> int | None:
        """Return where the line that ends a document begins; None if it has no end.

        If a later document with the same word begins before that line, the line ends that one.
        """
        end = _next(self._lines.get(start.word, []), start.content)
        next_start = _next(self._starts_by_word[start.word], start.content)
        if end is None or (next_start is not None and next_start < end):
            return None
        return end


class HereDocuments:
    """The here-documents of the command that begins at a position of a text.

    Positions must be asked for in ascending order, so that the text is read only once.
    """

    def __init__(self, index: ShellIndex, begin: int):
        self._index = index
        self._next = index.first_start(begin)
        self._begin = begin
        self._end = begin

    def contain(self, position: int) -> bool:
        """Return whether a position is in a here-document that has an end."""
        starts = self._index.starts
        while self._next < len(starts) and starts[self._next].at < position:
            self._open(starts[self._next])
            self._next += 1
        return self._begin <= position < self._end

    def _open(self, start: _Start) -> None:
        if start.at < self._end:
            return
        end = self._index.end_of(start)
        if end is not None:
            self._begin = start.content
            self._end = end


def _lines_by_word(text: str) -> dict[str, list[int]]:
    """Return word -> the positions of the lines that consist of it; a closing tag may follow it."""
    positions: dict[str, list[int]] = {}
    position = 0
    for line in text.split("\n"):
        word = line.partition("</")[0].strip()
        if word and len(word) <= _MAX_WORD:
            positions.setdefault(word, []).append(position)
        position += len(line) + 1
    return positions


def _find_starts(text: str) -> list[_Start]:
    starts: list[_Start] = []
    content = 0
    for match in _START.finditer(text):
        if content <= match.end():
            content = text.find("\n", match.end()) + 1
        if not content:
            break
        word = match["single"] or match["double"] or match["bare"]
        starts.append(_Start(match.start(), content, word))
    return starts


def _next(positions: list[int], position: int) -> int | None:
    at = bisect_left(positions, position)
    return positions[at] if at < len(positions) else None
