"""HTML as a browser's tokenizer reads it: https://html.spec.whatwg.org/multipage/parsing.html.

The standard library's parser differs in what hides text: comments, unfinished tags, quotes.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SPACE = r"\t\n\f\r "
_TAG_NAME = re.compile(rf"</?([A-Za-z][^{_SPACE}/>]*)")
_BETWEEN = re.compile(rf"[{_SPACE}/]*")
_ATTRIBUTE_NAME = re.compile(rf"=?[^{_SPACE}/>=]*")
_EQUALS = re.compile(rf"[{_SPACE}]*=[{_SPACE}]*")
_UNQUOTED = re.compile(rf"[^{_SPACE}>]*")
_COMMENT_END = re.compile(r"--!?>")
_QUOTES = "\"'"


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Comment:
    """A comment, or what a browser treats as one: ``<!x>``, ``<?x>``, ``</ x>``, CDATA."""

    text: str


@dataclass(frozen=True)
class Tag:
    name: str
    attributes: dict[str, str]
    is_closing: bool
    is_self_closing: bool


@dataclass(frozen=True)
class UnfinishedTag:
    """The rest of the page after a ``<`` whose tag never ends. A browser drops it."""


Token = Text | Comment | Tag | UnfinishedTag


def tokenize(page: str) -> Iterator[Token]:
    """Yield the tokens of a page in time that is linear in its length."""
    at = 0
    while at < len(page):
        start = page.find("<", at)
        if start < 0:
            yield Text(html.unescape(page[at:]))
            return
        if start > at:
            yield Text(html.unescape(page[at:start]))
        token, at = _read_markup(page, start)
        yield token


def _read_markup(page: str, start: int) -> tuple[Token, int]:
    """Read the token at a ``<``; return it and where it ends."""
    if page.startswith("<!--", start):
        end = _comment_end(page, start + len("<!--"))
        return Comment(page[start:end]), end
    name = _TAG_NAME.match(page, start)
    if name is not None:
        return _read_tag(page, start, name)
    if page[start + 1 : start + 2] in ("!", "?", "/"):
        end = page.find(">", start) + 1 or len(page)
        return Comment(page[start:end]), end
    return Text("<"), start + 1


def _comment_end(page: str, start: int) -> int:
    """Return where a comment ends whose text starts at ``start``."""
    for abrupt_end in (">", "->"):
        if page.startswith(abrupt_end, start):
            return start + len(abrupt_end)
    end = _COMMENT_END.search(page, start)
    return end.end() if end else len(page)


def _read_tag(page: str, start: int, name: re.Match[str]) -> tuple[Token, int]:
    attributes: dict[str, str] = {}
    at = name.end()
    while True:
        at = _end(_BETWEEN, page, at)
        if at >= len(page):
            return UnfinishedTag(), len(page)
        if page[at] == ">":
            tag = Tag(
                name=name[1].lower(),
                attributes=attributes,
                is_closing=page.startswith("</", start),
                is_self_closing=page[at - 1] == "/",
            )
            return tag, at + 1
        attribute, value, at = _read_attribute(page, at)
        attributes.setdefault(attribute.lower(), html.unescape(value))


def _read_attribute(page: str, start: int) -> tuple[str, str, int]:
    """Return the attribute's name, its value, and where it ends."""
    at = _end(_ATTRIBUTE_NAME, page, start)
    name = page[start:at]
    equals = _EQUALS.match(page, at)
    if equals is None:
        return name, "", at
    at = equals.end()
    quote = page[at : at + 1]
    if quote and quote in _QUOTES:
        end = page.find(quote, at + 1)
        if end < 0:
            return name, "", len(page)
        return name, page[at + 1 : end], end + 1
    end = _end(_UNQUOTED, page, at)
    return name, page[at:end], end


def _end(pattern: re.Pattern[str], page: str, start: int) -> int:
    match = pattern.match(page, start)
    return match.end() if match else start
