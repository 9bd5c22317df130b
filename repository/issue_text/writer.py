"""Write the blocks of a page as lines of text, with the prefixes of lists and quotes."""

import re

_MAX_PREFIXES = 20
"""Deeper lists and quotes are written like those around them."""
_BACKTICKS = re.compile(r"`+")


class _Prefix:
    """The beginning of the lines in a list item or a quote."""

    def __init__(self, first: str, others: str):
        self.first = first
        self.others = others
        self.is_first = True


class TextWriter:
    """Collects lines. Text is written as it is; whitespace at both ends of a line is dropped."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._prefixes: list[_Prefix] = []
        self._wants_gap = False

    def write(self, text: str) -> None:
        """Write text within a block."""
        first, *others = text.split("\n")
        self._append(first)
        for line in others:
            self.end_line()
            self._append(line)

    def _append(self, text: str) -> None:
        if self._line or text.strip():
            self._line.append(text)

    def end_line(self) -> None:
        """End the current line, if anything is in it."""
        line = "".join(self._line).strip()
        self._line.clear()
        if line:
            self._write_line(line)

    def begin_block(self) -> None:
        """Begin a line with an empty one before it."""
        self.end_line()
        self._wants_gap = bool(self._lines)

    def write_code(self, text: str, language: str) -> None:
        """Write a block of code, with all of its characters."""
        fence = _delimiter(text, 3)
        lines = text.removesuffix("\n").split("\n")
        self.begin_block()
        for line in [fence + language, *lines, fence]:
            self._write_line(line)
        self._wants_gap = True

    def begin_prefix(self, first: str, others: str) -> None:
        """Begin the next line with ``first``, and those after it with ``others``."""
        self.end_line()
        self._prefixes.append(_Prefix(first, others))

    def end_prefix(self) -> None:
        """End what ``begin_prefix`` began, even if it has no line."""
        self.end_line()
        if self._prefixes and self._prefixes[-1].is_first:
            self._write_line("")
        if self._prefixes:
            self._prefixes.pop()

    def result(self) -> str:
        self.end_line()
        return "\n".join(self._lines)

    def _write_line(self, line: str) -> None:
        if self._wants_gap:
            self._wants_gap = False
            self._lines.append(self._gap())
        prefix = self._prefix()
        self._lines.append(prefix + line if line else prefix.rstrip())

    def _gap(self) -> str:
        """Return the line before a block; a list or quote that begins with the block is not yet
        part of it.
        """
        begun = [prefix.others for prefix in self._shown() if not prefix.is_first]
        return "".join(begun).rstrip()

    def _shown(self) -> list[_Prefix]:
        return self._prefixes[:_MAX_PREFIXES]

    def _prefix(self) -> str:
        parts: list[str] = []
        for prefix in self._shown():
            parts.append(prefix.first if prefix.is_first else prefix.others)
        for prefix in reversed(self._prefixes):
            if not prefix.is_first:
                break  # Those around it began earlier.
            prefix.is_first = False
        return "".join(parts)


def inline_code(text: str) -> str:
    """Return text as Markdown's code in a line."""
    text = text.replace("\n", " ")
    delimiter = _delimiter(text, 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{delimiter}{padding}{text}{padding}{delimiter}"


def _delimiter(text: str, minimum: int) -> str:
    """Return more backticks than there are in a row anywhere in the text."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(longest + 1, minimum)
