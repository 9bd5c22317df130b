"""Reduce an issue's Markdown to the part that is visible on its page.

The rest could instruct a model without any reader noticing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from repository.counts import count

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_COMMENT_START = "<!--"
_COMMENT_END = "-->"
_DEFINITION = re.compile(r"[>\s\d.)*+-]*\[(?P<label>[^\[\]]+)\]:")
_LABEL = re.compile(r"\[([^\[\]]+)\]")
_VISIBLE_CONTROLS = "\n\t"
_INVISIBLE = ("Cf", "Cc", "Co", "Cs")
"""Unicode categories: format characters, controls, private use, surrogates."""
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point outside of category Cf: fillers, joiners, variation
selectors (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt)."""
_CODE_BLOCKS = ("fence", "code_block")
_LEAF_BLOCKS = (*_CODE_BLOCKS, "html_block", "inline", "hr")
_MAX_PASSES = 5
"""A removal can join the text around it into a comment, so several passes are needed."""


def strip_hidden_text(text: str, name: str, hidden: list[str]) -> str:
    """Return ``text`` without the parts that its page hides, and describe these in ``hidden``.

    Removes HTML comments, unused link definitions, and characters without a glyph: format
    characters (Unicode Cf: zero-width, bidirectional overrides, tags), fillers and controls can
    carry instructions that no reader of the page sees. This includes joiners inside emoji, which
    costs an image but no meaning. A comment in code is visible, so it stays. A comment without an
    end hides everything after it, as it does in a browser.

    Args:
        text: Markdown of an issue or comment.
        name: The name of the text in ``hidden``.
        hidden: A line is appended for each kind of removed text.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    with_glyphs = _strip_invisible(text)
    stripped, comments, definitions = _strip_markup(with_glyphs)
    removed = {
        "HTML comment": comments,
        "unused link definition": definitions,
        "invisible character": len(text) - len(with_glyphs),
    }
    for kind, number in removed.items():
        if number:
            hidden.append(f"{name}: {count(number, kind)}")
    return stripped


def _strip_invisible(text: str) -> str:
    characters: list[str] = []
    for character in _IGNORABLE.sub("", text):
        if character in _VISIBLE_CONTROLS or unicodedata.category(character) not in _INVISIBLE:
            characters.append(character)
    return "".join(characters)


def _strip_markup(text: str) -> tuple[str, int, int]:
    """Return the text, the number of comments removed, and the number of definitions removed."""
    comments = 0
    definitions = 0
    for _ in range(_MAX_PASSES):
        if _COMMENT_START not in text and "]:" not in text:
            return text, comments, definitions
        page = _Page(text)
        stripped = page.strip()
        comments += page.comments
        definitions += page.definitions
        if stripped == text:
            return text, comments, definitions
        text = stripped
    text, more = _COMMENT.subn(_keep_apart, text)
    return text, comments + more, definitions


class _Page:
    """One pass over a text, block by block."""

    def __init__(self, text: str):
        self._text = text
        self._label_uses = Counter(_LABEL.findall(text.lower()))
        self._in_endless_comment = False
        self.comments = 0
        """Number of comments removed so far."""
        self.definitions = 0
        """Number of link definitions removed so far."""

    def strip(self) -> str:
        """Return the text without comments and unused link definitions."""
        lines = self._text.split("\n")
        parts: list[str] = []
        at = 0
        for token in _leaf_blocks(MarkdownIt("commonmark").parse(self._text)):
            start, end = token.map or (0, 0)
            if start < at:
                continue
            if at < start:
                parts.append(self._strip_between(lines[at:start]))
            block = "\n".join(lines[start:end])
            parts.append(self._strip_block(token, block))
            at = end
            if self._in_endless_comment:
                return "\n".join(parts)
        if at < len(lines):
            parts.append(self._strip_between(lines[at:]))
        return "\n".join(parts)

    def _strip_block(self, token: Token, text: str) -> str:
        if token.type in _CODE_BLOCKS or _COMMENT_START not in text:
            return text
        comments: list[str] = []
        code: list[str] = []
        for child in token.children or ():
            if child.type == "html_inline" and child.content.startswith(_COMMENT_START):
                comments.append(child.content)
            elif child.type == "code_inline":
                code.append(child.content)
        explained = _count_starts([*comments, *code])
        if text.count(_COMMENT_START) != explained:
            return self._strip_comments(text)
        for comment in dict.fromkeys(comments):
            text, count = re.subn(re.escape(comment), _keep_apart, text)
            self.comments += count
        return text

    def _strip_between(self, lines: Sequence[str]) -> str:
        """Strip the invisible lines between blocks: blank lines and multi-line link definitions."""
        remaining: list[str] = []
        is_used = True
        for line in lines:
            definition = _DEFINITION.match(line)
            if definition:
                is_used = self._label_uses[definition["label"].lower()] > 1
                if not is_used:
                    self.definitions += 1
            if is_used or not line.strip():
                remaining.append(line)
        return self._strip_comments("\n".join(remaining))

    def _strip_comments(self, text: str) -> str:
        for comment in _COMMENT.finditer(text):
            if not comment[0].endswith(_COMMENT_END):
                self._in_endless_comment = True
        text, count = _COMMENT.subn(_keep_apart, text)
        self.comments += count
        return text


def _leaf_blocks(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield the blocks that contain text directly, in the order of the page."""
    for token in tokens:
        if token.map and token.type in _LEAF_BLOCKS:
            yield token


def _count_starts(texts: Iterable[str]) -> int:
    return sum(text.count(_COMMENT_START) for text in texts)


def _keep_apart(comment: re.Match[str]) -> str:
    """Return the replacement of a comment.

    It is a space if the text around it would otherwise become the start of another comment, else
    empty.
    """
    start = comment.start()
    before = comment.string[max(start - 3, 0) : start]
    return " " if before.endswith(("<", "<!", "<!-")) else ""
