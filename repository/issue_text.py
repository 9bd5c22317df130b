"""What a reader of an issue's page sees of its Markdown: the rest could instruct a model behind the
readers' backs.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_DEFINITION = re.compile(r"[>\s\d.)*+-]*\[(?P<label>[^\[\]]+)\]:")
_KEPT_CONTROLS = "\n\t"
#: Unicode's Default_Ignorable_Code_Point outside of category Cf: fillers, joiners, variation
#: selectors (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt).
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_PASSES = 5
"""What is taken out can make a comment of what stood around it."""


def visible(text: str, where: str, hidden: list[str]) -> str:
    """``text`` without HTML comments, link definitions that nothing uses, and characters that show nothing; what was
    taken out is told in ``hidden``.

    Format characters (Unicode Cf: zero-width, bidirectional overrides, tags), fillers and controls can carry
    instructions that no reader of the page sees. Joiners inside emoji go too: they cost a picture, not a meaning. A
    comment in code is shown, and kept. One that never ends hides all that follows, as it does in a browser.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(
        ch
        for ch in _IGNORABLE.sub("", text)
        if ch in _KEPT_CONTROLS or unicodedata.category(ch) not in ("Cf", "Cc", "Co", "Cs")
    )
    kept, comments, definitions = _rendered(seen)
    for number, what in ((comments, "HTML comment"), (definitions, "unused link definition")):
        if number:
            hidden.append(f"{where}: {number} {what}{'s' if number > 1 else ''}")
    if invisible := len(text) - len(seen):
        hidden.append(f"{where}: {invisible} invisible character{'s' if invisible > 1 else ''}")
    return kept


def _rendered(text: str) -> tuple[str, int, int]:
    """The text, how many comments and how many definitions were taken out."""
    comments = definitions = 0
    for _ in range(_PASSES):
        if "<!--" not in text and "]:" not in text:
            return text, comments, definitions
        page = _Page(text)
        after = page.kept()
        comments = comments + page.comments
        definitions = definitions + page.definitions
        if after == text:
            return text, comments, definitions
        text = after
    text, more = _COMMENT.subn(_apart, text)
    return text, comments + more, definitions


class _Page:
    """One pass over a text, block by block."""

    def __init__(self, text: str):
        self._text = text
        self.comments = 0
        self.definitions = 0
        self._brackets = Counter(re.findall(r"\[([^\[\]]+)\]", text.lower()))
        self._open = False
        """A comment has begun that never ends."""

    def kept(self) -> str:
        lines = self._text.split("\n")
        done = 0
        parts = list[str]()
        for token in _leaves(MarkdownIt("commonmark").parse(self._text)):
            start, end = token.map or (0, 0)
            if start < done:
                continue
            if done < start:
                parts.append(self._between(lines[done:start]))
            parts.append(self._block(token, "\n".join(lines[start:end])))
            done = end
            if self._open:
                return "\n".join(parts)
        if done < len(lines):
            parts.append(self._between(lines[done:]))
        return "\n".join(parts)

    def _block(self, token: Token, text: str) -> str:
        if token.type in ("fence", "code_block") or "<!--" not in text:
            return text
        children = token.children or ()
        comments = [
            c.content for c in children if c.type == "html_inline" and c.content.startswith("<!--")
        ]
        told = [*comments, *(child.content for child in children if child.type == "code_inline")]
        if text.count("<!--") != sum(part.count("<!--") for part in told):
            return self._without_comments(text)
        for comment in dict.fromkeys(comments):
            text, found = re.subn(re.escape(comment), _apart, text)
            self.comments += found
        return text

    def _between(self, lines: Sequence[str]) -> str:
        """Lines that make nothing on the page: empty ones, and definitions of links, with what
        their titles say.
        """
        kept = list[str]()
        keep = True
        for line in lines:
            if found := _DEFINITION.match(line):
                keep = self._brackets[found["label"].lower()] > 1
                self.definitions += not keep
            if keep or not line.strip():
                kept.append(line)
        return self._without_comments("\n".join(kept))

    def _without_comments(self, text: str) -> str:
        self._open = self._open or any(
            not found[0].endswith("-->") for found in _COMMENT.finditer(text)
        )
        text, found = _COMMENT.subn(_apart, text)
        self.comments += found
        return text


def _leaves(tokens: Sequence[Token]) -> Iterator[Token]:
    return (
        t
        for t in tokens
        if t.map and t.type in ("fence", "code_block", "html_block", "inline", "hr")
    )


def _apart(comment: re.Match[str]) -> str:
    """Nothing, or a space where the text around a comment would become the start of another one."""
    before = comment.string[max(comment.start() - 3, 0) : comment.start()]
    return " " if before.endswith(("<", "<!", "<!-")) else ""
