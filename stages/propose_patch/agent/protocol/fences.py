"""Code fences in a reply (https://spec.commonmark.org/0.31.2/#fenced-code-blocks)."""

import re
from bisect import bisect_left
from dataclasses import dataclass

from repository.edits.readers.naming import as_path
from repository.here_documents import HereDocuments, ShellIndex
from stages.propose_patch.agent.protocol.written import SHELLS

_OPENING = re.compile(r"(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^\n]*)(?:\n|\Z)")
_CLOSING = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*$", re.M)
_PROMPT = "$ "


@dataclass(frozen=True)
class Fence:
    """A code fence."""

    language: str
    """In lower case; empty if the fence names none, or names a file."""
    content: str
    """Empty if the fence is not closed."""
    end: int | None
    """The position after it; None if it is not closed."""

    @property
    def is_shell(self) -> bool:
        return self.language in SHELLS

    @property
    def command(self) -> str | None:
        """The command in it; None for a session that shows its output."""
        lines = [line for line in self.content.split("\n") if line.strip()]
        if not lines:
            return None
        if not lines[0].startswith(_PROMPT):
            return self.content
        if not all(line.startswith(_PROMPT) for line in lines):
            return None
        return "\n".join(line.removeprefix(_PROMPT) for line in lines)


@dataclass(frozen=True)
class _Closing:
    begin: int
    """Position of its line."""
    mark: str
    end: int


class FenceReader:
    """Reads the fences of a text."""

    def __init__(self, text: str, index: ShellIndex):
        self._text = text
        self._index = index
        self._closings = _find_closings(text)
        self._unclosed: dict[str, int] = {}
        """Fence character -> the length from which a fence is known not to be closed."""

    def read(self, start: int) -> Fence | None:
        """Return the fence whose mark is at a position, or None if it is inline code."""
        opening = _OPENING.match(self._text, start)
        if opening is None or (opening["mark"][0] == "`" and "`" in opening["info"]):
            return None
        line_start = self._text.rfind("\n", 0, start) + 1
        language = _language(opening["info"])
        if language in SHELLS and self._is_file(line_start, opening.end()):
            language = ""
        closing = self._closing_of(opening, language in SHELLS)
        if closing is None:
            return Fence(language=language, content="", end=None)
        content = self._text[opening.end() : closing.begin].removesuffix("\n")
        return Fence(
            language=language,
            content=_unindent(content, start - line_start),
            end=closing.end,
        )

    def _is_file(self, line_start: int, begin: int) -> bool:
        """Return whether the line above a shell fence names a script that is its content."""
        above_start = self._text.rfind("\n", 0, max(0, line_start - 1)) + 1
        path = as_path(self._text[above_start:line_start].strip())
        if path is None:
            return False
        return path.endswith((".sh", ".bash")) or self._text.startswith("#!", begin)

    def _closing_of(self, opening: re.Match[str], is_shell: bool) -> _Closing | None:
        """Return the end of a fence. In a shell command it is not inside a here-document."""
        mark = opening["mark"]
        if len(mark) >= self._unclosed.get(mark[0], len(mark) + 1):
            return None
        documents = HereDocuments(self._index, opening.end())
        first = bisect_left(self._closings, opening.end(), key=lambda closing: closing.begin)
        for at in range(first, len(self._closings)):
            closing = self._closings[at]
            if not closing.mark.startswith(mark):
                continue
            if is_shell and documents.contain(closing.begin):
                continue
            return closing
        self._unclosed[mark[0]] = len(mark)
        return None


def _find_closings(text: str) -> list[_Closing]:
    closings: list[_Closing] = []
    for match in _CLOSING.finditer(text):
        closings.append(_Closing(match.start(), match["mark"], match.end()))
    return closings


def _language(info: str) -> str:
    """Return the language that a fence names; empty if it names a file as well."""
    words = info.lower().strip("{}. \t").split()
    if not words:
        return ""
    named_file = words[0] in SHELLS and len(words) > 1 and as_path(words[1]) is not None
    return "" if named_file else words[0]


def _unindent(content: str, indentation: int) -> str:
    """Remove the fence's indentation from each line of its content, or as much as it has."""
    if indentation == 0:
        return content
    lines: list[str] = []
    for line in content.split("\n"):
        blanks = len(line) - len(line.lstrip(" \t"))
        lines.append(line[min(indentation, blanks) :])
    return "\n".join(lines)
