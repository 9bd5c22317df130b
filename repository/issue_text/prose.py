"""What the author of a text says in it, and neither quotes nor shows as code."""

from repository.issue_text.elements import BLOCKS
from repository.issue_text.html_tokens import Tag

_CODE = frozenset({"code", "kbd", "pre", "samp", "tt"})
_QUOTES = frozenset({"blockquote", "q"})
_SPACE = " "


class ProseBuilder:
    """Builds the text of a page from its visible tags and texts, without code and quotes.

    What an unclosed element contains counts as its content to the end.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open_code = 0
        self._open_quotes = 0

    @property
    def is_in_code(self) -> bool:
        return self._open_code > 0

    def result(self) -> str:
        return "".join(self._parts)

    def add_text(self, text: str) -> None:
        if self._open_code == 0 and self._open_quotes == 0:
            self._parts.append(text)

    def open(self, tag: Tag) -> None:
        self._separate(tag.name)
        if tag.name in _CODE:
            self._open_code += 1
        elif tag.name in _QUOTES:
            self._open_quotes += 1

    def close(self, name: str) -> None:
        self._separate(name)
        if name in _CODE:
            self._open_code = max(self._open_code - 1, 0)
        elif name in _QUOTES:
            self._open_quotes = max(self._open_quotes - 1, 0)

    def _separate(self, name: str) -> None:
        """Keep the words before and after an element apart that is left out or begins a line."""
        if name in BLOCKS or name in _CODE or name in _QUOTES or name == "br":
            self._parts.append(_SPACE)
