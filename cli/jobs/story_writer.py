"""The lines of a story: labels on the left, statements beside them, and items below these."""

import textwrap
from dataclasses import dataclass

from console.visible_text import visible
from prompts.filters import one_line

_LABEL_WIDTH = 9
_STATEMENT = " " * _LABEL_WIDTH
_ITEM = _STATEMENT + "  "


@dataclass(frozen=True)
class StoryLine:
    """A line of text that is safe to print, and its style in rich's words."""

    text: str
    style: str = ""


class StoryWriter:
    """Breaks text into lines of at most ``width`` characters."""

    def __init__(self, width: int):
        self.lines: list[StoryLine] = []
        self._width = width

    def write(self, label: str, text: str, style: str = "") -> None:
        """Write a statement with a label before its first line."""
        self._wrap(text, f"{label:<{_LABEL_WIDTH}}", _STATEMENT, style)

    def go_on(self, text: str, style: str = "") -> None:
        """Write another statement below the last label."""
        self._wrap(text, _STATEMENT, _STATEMENT, style)

    def item(self, text: str, style: str = "") -> None:
        self._wrap(text, _ITEM, _ITEM, style)

    def name(self, test: str) -> None:
        """Write the name of a test; if it is too long for a line, its file has one of its own."""
        place, separator, rest = test.rpartition("::")
        if separator and len(_ITEM) + len(test) > self._width:
            self.item(f"{place}::")
            self._wrap(rest, f"{_ITEM}  ", f"{_ITEM}  ", "")
        else:
            self.item(test)

    def plain(self, text: str, style: str = "") -> None:
        self._wrap(text, "", "", style)

    def address(self, text: str, indent: str = _STATEMENT) -> None:
        """Write a line that must not be broken."""
        self.lines.append(StoryLine(f"{indent}{visible(one_line(text))}"))

    def space(self) -> None:
        self.lines.append(StoryLine(""))

    def _wrap(self, text: str, first: str, indent: str, style: str) -> None:
        lines = textwrap.wrap(
            visible(one_line(text)),
            self._width,
            initial_indent=first,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        self.lines += [StoryLine(line, style) for line in lines]
