"""The reader of tagged pairs: ``<file>path</file>``, then ``<original>`` and ``<patched>``, or
synonyms of these.
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate

from repository.edits.model import Lines, Replace, SearchReplace
from repository.edits.readers.headings import Paths, find_heading
from repository.edits.readers.reading import Reading

_PATH_TAGS = ("file", "path", "filename", "file_path", "filepath")
_OLD_TAGS = ("original", "search", "old", "before", "find", "old_code", "old_str", "old_string")
_NEW_TAGS = (
    "patched",
    "replace",
    "new",
    "after",
    "replacement",
    "new_code",
    "new_str",
    "new_string",
)
_DISTINCTIVE = ("original", "patched")
"""Tags that mark an edit even without their counterpart; the others occur in prose and code."""
_LONGEST_FIRST = sorted(
    [*_OLD_TAGS, *_NEW_TAGS, *_PATH_TAGS],
    key=len,
    reverse=True,
)
_TAG = re.compile(rf"<(?P<slash>/?)(?P<name>{'|'.join(_LONGEST_FIRST)})>")


def read(lines: list[str], paths: Paths = None) -> Reading:
    """Read the pairs of a reply."""
    return _PairReader(lines, paths).read()


@dataclass(frozen=True)
class _Element:
    """A tag with its content, up to the first tag that closes it."""

    name: str
    line: int
    """The line of the opening tag, from 0."""
    content: str
    end: int
    """The position in the reply's text at which the content ends."""


class _PairReader:
    def __init__(self, lines: list[str], paths: Paths):
        self._lines = lines
        self._paths = paths
        self._text = "\n".join(lines)
        lengths = [len(line) + 1 for line in lines]
        self._line_starts = list(accumulate(lengths, initial=0))
        self._closings = _closing_tags(self._text)
        self._reading = Reading()
        self._path: str | None = None
        self._end_of_last = 0
        """The line below the last pair."""
        self._begin: int | None = None
        """The line at which the pair being read begins."""
        self._original: _Element | None = None
        """The first half of a pair, until its second is read."""

    def read(self) -> Reading:
        tag = _TAG.search(self._text)
        while tag:
            end = tag.end() if tag["slash"] else self._read_opening(tag)
            tag = _TAG.search(self._text, end)
        if self._original is not None:
            pairs_are_meant = self._reading.edits or "patched" in self._text
            if pairs_are_meant:
                self._report_single(self._original)
        return self._reading

    def _read_opening(self, tag: re.Match[str]) -> int:
        """Read the element that a tag opens; return the position at which to continue."""
        name = tag["name"]
        line = self._line_of(tag.start())
        end = self._closing_after(name, tag.end())
        if end is None:
            self._report_unclosed(name, line)
            return tag.end()
        element = _Element(
            name=name,
            line=line,
            content=self._text[tag.end() : end],
            end=end,
        )
        return end if self._read_element(element) else tag.end()

    def _read_element(self, element: _Element) -> bool:
        """Read an element; return whether it was used, so that its content can be skipped."""
        if element.name in _PATH_TAGS:
            return self._read_path(element)
        if element.name in _OLD_TAGS:
            self._read_original(element)
            return True
        if self._original is not None:
            self._read_replacement(self._original, element)
            return True
        if element.name in _DISTINCTIVE:
            self._reading.add_problem(element.line, "<patched> without an <original> before it")
            return True
        return False

    def _read_path(self, element: _Element) -> bool:
        path = element.content.strip()
        if "\n" in path:
            return False
        self._path = path.removeprefix("./")
        self._begin = element.line
        return True

    def _read_original(self, element: _Element) -> None:
        previous = self._original
        if previous is not None and previous.content != element.content:
            self._report_single(previous)
        self._original = element
        if self._begin is None:
            self._begin = element.line
            self._read_heading(element.line)

    def _read_heading(self, line: int) -> None:
        """Read the path of a pair that has no tag for it."""
        heading = find_heading(self._lines, line, self._end_of_last, self._paths)
        if not heading.is_absent:
            self._path = heading.path

    def _read_replacement(self, original: _Element, element: _Element) -> None:
        number = self._reading.next_number
        begin = element.line if self._begin is None else self._begin
        self._end_of_last = self._line_of(element.end) + 1
        self._reading.add_span(begin, self._end_of_last)
        self._begin = None
        self._original = None
        if self._path is None:
            self._reading.add_problem(
                element.line, f"pair {number} names no file: write <file>its path</file> before it"
            )
            return
        block = SearchReplace(
            search=_content_lines(original.content),
            replacement=_content_lines(element.content),
        )
        self._reading.add_edit(self._path, Replace((block,)))

    def _report_unclosed(self, name: str, line: int) -> None:
        awaited = self._original is not None and name in _NEW_TAGS
        if name in _DISTINCTIVE or awaited:
            self._reading.add_problem(line, f"<{name}> has no </{name}>")

    def _report_single(self, original: _Element) -> None:
        self._reading.add_problem(original.line, "an original without its patched text")

    def _line_of(self, at: int) -> int:
        """Return the line, from 0, of a position in the text."""
        return bisect_right(self._line_starts, at) - 1

    def _closing_after(self, name: str, at: int) -> int | None:
        """Return the position of the first tag that closes ``name``."""
        closings = self._closings.get(name, [])
        following = bisect_left(closings, at)
        return closings[following] if following < len(closings) else None


def _closing_tags(text: str) -> dict[str, list[int]]:
    """Return the positions of all closing tags by name, so that the text is searched only once."""
    positions: dict[str, list[int]] = {}
    for tag in _TAG.finditer(text):
        if tag["slash"]:
            positions.setdefault(tag["name"], []).append(tag.start())
    return positions


def _content_lines(content: str) -> Lines:
    """Return the lines between two tags, without leading and trailing blank ones."""
    lines = content.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    begin = next((at for at, line in enumerate(lines) if line.strip()), 0)
    return tuple(lines[begin:])
