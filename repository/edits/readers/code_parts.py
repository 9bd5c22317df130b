"""Which parts of a reply are code or content of an edit or a call, where a tag is only text.

A part counts only if it is closed and nothing of its kind is opened in between: a draft in a
thought may have no end, and is then not closed by what the answer contains.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from repository.edits.readers.block_bodies import CLOSE, OPEN
from repository.here_documents import ShellIndex

_ELEMENT = re.compile(
    r"(?:^[ \t]*|(?<=>))<(?P<name>[A-Za-z_][\w.:-]*)(?:[=\s][^<>\n]*)?(?<!/)>", re.M
)
_ELEMENT_END = re.compile(r"</(?P<name>[A-Za-z_][\w.:-]*)>")
_FENCE = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$", re.M)
_HUNK_BEGINNINGS = ("@@", "+++ ")
_MAX_HUNK = 100_000
"""Maximum number of characters above a line in which the beginning of its hunk is searched."""
_HUNK_LINE = ("+", "-", " ", "\\")
_UNESCAPED_QUOTES = tuple(re.compile(rf"(?<!\\)(?:\\\\)*{quote}") for quote in ('"', "`"))
_BESIDE_QUOTED = ("`", '"', "'", "\\")

Span = tuple[int, int]
"""A part's first position, and the one after it."""


@dataclass(frozen=True)
class _Mark:
    """A mark that opens or closes parts of one kind."""

    position: int
    kind: str
    opens: bool


class CodeParts:
    """The code in a text, and the content of its edits and calls."""

    def __init__(self, text: str, thought: re.Pattern[str]):
        """``thought`` matches the opening tags that are no calls."""
        self._text = text
        marks = [*_block_marks(text), *_element_marks(text, thought)]
        self._spans = sorted([*_pair(marks), *_here_documents(text)])
        self._fences = list(_FENCE.finditer(text))

    def contain(self, start: int, tag: re.Match[str]) -> bool:
        """Return whether a tag is inside a part that begins at ``start`` or below it."""
        position = tag.start()
        return (
            self._is_quoted(tag)
            or self._is_in_hunk(start, position)
            or self._is_in_span(start, position)
            or self._is_in_fence(start, position)
        )

    def _is_quoted(self, tag: re.Match[str]) -> bool:
        """Return whether a tag is in inline code or in a string on one line, such as JSON's."""
        before = self._text[: tag.start()].rpartition("\n")[2]
        after = self._text[tag.end() :].partition("\n")[0]
        if before.endswith(_BESIDE_QUOTED) and after.startswith(_BESIDE_QUOTED):
            return True
        for quote in _UNESCAPED_QUOTES:
            is_open = len(quote.findall(before)) % 2 == 1
            if is_open and quote.search(after):
                return True
        return False

    def _is_in_hunk(self, start: int, position: int) -> bool:
        """Return whether a position is in a line of a diff's hunk."""
        line_start = self._text.rfind("\n", start, position) + 1
        if not self._text.startswith(_HUNK_LINE, max(line_start, start)):
            return False
        nearest = max(line_start - _MAX_HUNK, start)
        above = self._text[nearest:line_start].split("\n")[:-1]
        for line in reversed(above):
            if line.startswith(_HUNK_BEGINNINGS):
                return True
            if line and not line.startswith(_HUNK_LINE):
                return False
        return False

    def _is_in_span(self, start: int, position: int) -> bool:
        first = bisect_left(self._spans, (start, 0))
        last = bisect_left(self._spans, (position, 0))
        return any(end > position for _, end in self._spans[first:last])

    def _is_in_fence(self, start: int, position: int) -> bool:
        first = bisect_left(self._fences, start, key=re.Match.start)
        here = bisect_left(self._fences, position, key=re.Match.start)
        mark = _open_mark(self._fences[first:here])
        if mark is None:
            return False
        closing = _find_closing(self._fences, here, mark)
        # What follows a fence that is closed here is closed, too.
        return closing is not None and _open_mark(self._fences[closing + 1 :]) is None


def _may_close(fence: re.Match[str]) -> bool:
    return not fence["info"].strip()


def _open_mark(fences: Iterable[re.Match[str]]) -> str | None:
    """Return the mark of the fence that is open after these lines; None if none is."""
    mark: str | None = None
    for fence in fences:
        if mark is None:
            mark = fence["mark"]
        elif fence["mark"].startswith(mark) and _may_close(fence):
            mark = None
    return mark


def _find_closing(fences: Sequence[re.Match[str]], start: int, mark: str) -> int | None:
    """Return the index of the fence from ``start`` on that closes ``mark``.

    None if another one of its length is opened before.
    """
    for at in range(start, len(fences)):
        if fences[at]["mark"].startswith(mark):
            return at if _may_close(fences[at]) else None
    return None


def _pair(marks: Iterable[_Mark]) -> Iterator[Span]:
    """Yield the spans from a mark that opens a part to the next of its kind, if that closes it."""
    opened: dict[str, int] = {}
    for mark in sorted(marks, key=lambda mark: mark.position):
        if mark.opens:
            opened[mark.kind] = mark.position
        elif mark.kind in opened:
            yield opened.pop(mark.kind), mark.position


def _block_marks(text: str) -> Iterator[_Mark]:
    position = 0
    for line in text.split("\n"):
        stripped = line.strip()
        if OPEN.match(line):
            yield _Mark(position, "block", opens=True)
        elif CLOSE.match(line.lstrip()):
            yield _Mark(position, "block", opens=False)
        elif stripped == "*** Begin Patch":
            yield _Mark(position, "envelope", opens=True)
        elif stripped == "*** End Patch":
            yield _Mark(position, "envelope", opens=False)
        position += len(line) + 1


def _element_marks(text: str, thought: re.Pattern[str]) -> Iterator[_Mark]:
    for opening in _ELEMENT.finditer(text):
        tag = opening[0].lstrip()
        if not thought.match(tag):
            yield _Mark(opening.start(), _element_kind(opening), opens=True)
    for closing in _ELEMENT_END.finditer(text):
        yield _Mark(closing.start(), _element_kind(closing), opens=False)


def _element_kind(tag: re.Match[str]) -> str:
    name = tag["name"]
    return f"<{name}>"


def _here_documents(text: str) -> Iterator[Span]:
    index = ShellIndex(text)
    for start in index.starts:
        end = index.end_of(start)
        if end is not None:
            yield start.content, end
