"""Elements that change how the lines inside of them begin: lists, quotes, headings, footnotes."""

import re
from collections import Counter

from repository.issue_text.elements import FOOTNOTE
from repository.issue_text.html_tokens import Tag
from repository.issue_text.writer import TextWriter

FOLDED = "[folded section: the page shows only its summary]"
END_OF_FOLDED = "[end of the folded section]"
HEADINGS = {f"h{level}": "#" * min(level, 6) + " " for level in range(1, 9)}
"""Heading -> how its line begins."""


class Containers:
    """The open elements that change how the lines inside of them begin."""

    def __init__(self, writer: TextWriter):
        self._writer = writer
        self._names: list[str] = []
        self._counts: Counter[str] = Counter()
        self._numbers: list[int | None] = []
        """The number of the next item of each open list; None if it has bullets."""
        self._folded: list[bool] = []
        """Whether each open ``<details>`` is closed on the page."""

    @property
    def is_folded(self) -> bool:
        return bool(self._folded) and self._folded[-1]

    @property
    def is_in_list(self) -> bool:
        return bool(self._numbers)

    def open(self, tag: Tag) -> None:
        name = tag.name
        if name in HEADINGS:
            self._push(name, HEADINGS[name], "")
        elif name == "blockquote":
            self._push(name, "> ", "> ")
        elif name in ("ul", "ol"):
            self._numbers.append(_start(tag) if name == "ol" else None)
            self._push(name, "", "")
        elif name == "li":
            if self._names and self._names[-1] == "li":
                self._pop()
            marker = self._next_marker()
            self._push(name, marker, " " * len(marker))
        elif name == FOOTNOTE:
            self._push(name, f"[^{tag.attributes['value']}]: ", "    ")
        elif name == "details":
            self._push(name, "", "")
            self._begin_details(is_folded="open" not in tag.attributes)

    def close(self, name: str) -> None:
        """Close an element and those that are open inside of it."""
        if self._counts[name]:
            while self._pop() != name:
                pass

    def end_all(self) -> None:
        while self._names:
            self._pop()

    def _push(self, name: str, first: str, others: str) -> None:
        self._names.append(name)
        self._counts[name] += 1
        self._writer.begin_prefix(first, others)

    def _pop(self) -> str:
        name = self._names.pop()
        self._counts[name] -= 1
        if name in ("ul", "ol"):
            self._numbers.pop()
        if name == "details":
            self._end_details()
        self._writer.end_prefix()
        return name

    def _begin_details(self, *, is_folded: bool) -> None:
        self._folded.append(is_folded)
        if is_folded:
            self._writer.write(FOLDED)
            self._writer.end_line()

    def _end_details(self) -> None:
        if self._folded.pop():
            self._writer.end_line()
            self._writer.write(END_OF_FOLDED)

    def _next_marker(self) -> str:
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            return "- "
        self._numbers[-1] = number + 1
        return f"{number}. "


def _start(tag: Tag) -> int:
    """Return the number of an ordered list's first item."""
    start = tag.attributes.get("start", "1")
    is_number = re.fullmatch(r"[0-9]{1,9}", start) is not None
    return int(start) if is_number else 1
