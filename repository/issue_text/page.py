"""A page's HTML to the text that its reader sees, or to the part of it that its author says."""

from typing import Protocol

from repository.issue_text.blocks import PageBuilder
from repository.issue_text.characters import show_characters
from repository.issue_text.elements import (
    ALLOWED,
    BARRIERS,
    SELF_CLOSING,
    SHRINKING,
    VOID,
    hidden_attributes,
    hides_content,
)
from repository.issue_text.hidden import HiddenParts
from repository.issue_text.html_tokens import Comment, Tag, Text, UnfinishedTag, tokenize
from repository.issue_text.prose import ProseBuilder


class Builder(Protocol):
    """Builds a text from a page's visible tags and texts, in their order."""

    @property
    def is_in_code(self) -> bool: ...

    def add_text(self, text: str) -> None: ...

    def open(self, tag: Tag) -> None: ...

    def close(self, name: str) -> None: ...


def to_text(page: str, hidden: HiddenParts) -> str:
    """Return the text of a page; add what it hides to ``hidden``."""
    builder = PageBuilder(hidden)
    _read_page(page, builder, hidden)
    return builder.result()


def to_prose(page: str) -> str:
    """Return the text of a page without code and quotes."""
    builder = ProseBuilder()
    _read_page(page, builder, HiddenParts())
    return builder.result()


def _read_page(page: str, builder: Builder, hidden: HiddenParts) -> None:
    reader = _PageReader(builder, hidden)
    for token in tokenize(page):
        match token:
            case Text(text):
                reader.read_text(text)
            case Tag():
                reader.read_tag(token)
            case Comment(text):
                is_comment = text.startswith("<!--")
                hidden.add("HTML comment" if is_comment else "HTML declaration")
            case UnfinishedTag():
                hidden.add("unfinished HTML tag")


class _PageReader:
    """Passes on the tags and texts that show."""

    def __init__(self, builder: Builder, hidden: HiddenParts):
        self._builder = builder
        self._hidden = hidden
        self._hiding: _HiddenElement | None = None
        self._shrinking = 0
        """The number of open elements that make text smaller."""

    def read_text(self, text: str) -> None:
        if self._hiding is None:
            in_code = self._builder.is_in_code
            self._builder.add_text(show_characters(text, self._hidden, in_code=in_code))

    def read_tag(self, tag: Tag) -> None:
        if self._hiding is not None:
            if self._hiding.is_ended_by(tag):
                self._hiding = None
        elif tag.is_closing:
            if tag.name in SHRINKING:
                self._shrinking = max(self._shrinking - 1, 0)
            self._builder.close(tag.name)
        else:
            self._read_opening_tag(tag)

    def _read_opening_tag(self, tag: Tag) -> None:
        for kind in hidden_attributes(tag):
            self._hidden.add(kind)
        if hides_content(tag, self._shrinking):
            self._hidden.add("hidden HTML element")
            is_empty = tag.name in VOID or (tag.name in SELF_CLOSING and tag.is_self_closing)
            self._hiding = None if is_empty else _HiddenElement(tag.name)
        elif tag.name not in ALLOWED:
            self._hidden.add("unknown HTML tag")
        else:
            self._shrinking += tag.name in SHRINKING
            self._builder.open(tag)


class _HiddenElement:
    """An element that is open and whose content is not shown."""

    def __init__(self, name: str):
        self._name = name
        self._depth = 1
        self._barriers: list[str] = []
        """Open elements that a closing tag does not reach out of."""

    def is_ended_by(self, tag: Tag) -> bool:
        """Return whether the next tag ends the element.

        In doubt it does not: more is left out then, and described, than a browser hides.
        """
        if not tag.is_closing:
            if tag.name == self._name:
                self._depth += 1
            elif tag.name in BARRIERS:
                self._barriers.append(tag.name)
        elif self._barriers:
            if tag.name == self._barriers[-1]:
                self._barriers.pop()
        elif tag.name == self._name:
            self._depth -= 1
        return self._depth == 0
