"""The elements of a page as text: Markdown, as far as it has a way to write them."""

import re
from collections import Counter
from urllib.parse import urlsplit

from repository.issue_text.containers import HEADINGS, Containers
from repository.issue_text.elements import BLOCKS, DIAGRAM, FOOTNOTE, FORMULA, code_language
from repository.issue_text.hidden import HiddenParts
from repository.issue_text.html_tokens import Tag
from repository.issue_text.writer import TextWriter, inline_code

_MARKS = {
    "img": "[image]",
    FORMULA: "[formula]",
    DIAGRAM: "[diagram: the page shows a picture of this source]",
}
_OUR_MARKS = re.compile(r"\[(?=(?:image|formula|diagram|folded section|end of the folded)\b)")
MAX_ADDRESS = 200
"""A longer address of a link, which its reader sees only in part, is left out."""
_ADDRESS = re.compile(r"[!-~]+")
_SCHEMES = ("", "http", "https", "mailto")
_SPACED = (
    DIAGRAM,
    FOOTNOTE,
    "blockquote",
    "details",
    "dl",
    "figure",
    "hr",
    "ol",
    "p",
    "section",
    "table",
    "ul",
)
"""Blocks with an empty line before and after them."""
_INLINE = {
    "b": ("**", "**"),
    "strong": ("**", "**"),
    "em": ("*", "*"),
    "i": ("*", "*"),
    "del": ("~~", "~~"),
    "s": ("~~", "~~"),
    "strike": ("~~", "~~"),
    "sub": ("<sub>", "</sub>"),
    "sup": ("<sup>", "</sup>"),
    "td": ("| ", " "),
    "th": ("| ", " "),
    "summary": ("Summary: ", ""),
}


class PageBuilder:
    """Builds the text of a page from its visible tags and texts, in their order."""

    def __init__(self, hidden: HiddenParts):
        self._hidden = hidden
        self._writer = TextWriter()
        self._code: _Code | None = None
        self._link: _Link | None = None
        self._containers = Containers(self._writer)
        self._inline: Counter[str] = Counter()
        self._row = _Row()

    @property
    def is_in_code(self) -> bool:
        return self._code is not None

    def result(self) -> str:
        self._end_inline()
        self._containers.end_all()
        return self._writer.result()

    def add_text(self, text: str) -> None:
        if self._code is not None:
            self._code.parts.append(text)
        elif not (self._row.is_between_cells and text.isspace()):
            self._write(_OUR_MARKS.sub(r"\\[", text))

    def open(self, tag: Tag) -> None:
        if tag.name == "br":
            self._break_line()
        elif tag.name in ("pre", "code", "tt"):
            self._open_code(tag)
        elif self._code is not None and (self._code.is_block or tag.name not in BLOCKS):
            return
        elif tag.name == "a":
            self._end_link()
            self._link = _Link(self._address(tag))
        else:
            self._open_element(tag)

    def close(self, name: str) -> None:
        if self._code is not None and self._code.is_block:
            if name == "pre":
                self._end_code()
        elif name in ("code", "tt"):
            self._end_code()
        elif name == "a":
            self._end_link()
        else:
            self._close_element(name)

    def _open_element(self, tag: Tag) -> None:
        if tag.name in BLOCKS:
            self._begin_block(tag.name)
        if tag.name in _MARKS:
            self._write(_MARKS[tag.name])
        if tag.name == "hr":
            self._writer.write("---")
            self._begin_block(tag.name)
        self._containers.open(tag)
        self._row.open(tag.name)
        if tag.name in _INLINE and not (tag.name == "summary" and not self._containers.is_folded):
            self._inline[tag.name] += 1
            self._write(_INLINE[tag.name][0])

    def _close_element(self, name: str) -> None:
        if self._inline[name]:
            self._inline[name] -= 1
            self._write(_INLINE[name][1])
        if name in ("td", "th"):
            self._row.close_cell()
        if name == "tr":
            self._end_row()
        if name in BLOCKS:
            self._end_inline()
            self._containers.close(name)
            self._begin_block(name)

    def _begin_block(self, name: str) -> None:
        self._end_inline()
        is_inner_list = name in ("ol", "ul") and self._containers.is_in_list
        if not is_inner_list and (name in _SPACED or name in HEADINGS):
            self._writer.begin_block()
        elif name not in ("td", "th"):
            self._writer.end_line()

    def _break_line(self) -> None:
        if self._code is not None:
            self._code.parts.append("\n")
        else:
            self._write("\n")

    def _write(self, text: str) -> None:
        if self._link is not None:
            self._link.parts.append(text)
        else:
            self._writer.write(text)

    def _end_row(self) -> None:
        self._end_inline()
        for line in self._row.end():
            self._writer.write(line)
            self._writer.end_line()

    def _open_code(self, tag: Tag) -> None:
        if tag.name == "pre":
            self._end_inline()
            self._code = _Code(is_block=True)
        elif self._code is None:
            self._code = _Code(is_block=False)
        if tag.name == "code" and not self._code.parts:
            self._code.begins_with_tag = True
            self._code.language = code_language(tag)

    def _end_inline(self) -> None:
        self._end_code()
        self._end_link()

    def _end_code(self) -> None:
        code = self._code
        self._code = None
        if code is None:
            return
        text = "".join(code.parts)
        if code.is_block:
            # A browser drops the line end after <pre>, but not the one after <pre><code>.
            shown = text if code.begins_with_tag else text.removeprefix("\n")
            self._writer.write_code(shown, code.language)
        elif text:
            self._write(inline_code(text))

    def _end_link(self) -> None:
        link = self._link
        self._link = None
        if link is None:
            return
        text = "".join(link.parts)
        if not text.strip():
            self._hidden.add("link without text")
        elif link.address in ("", text, f"mailto:{text}"):
            self._writer.write(text)
        else:
            self._writer.write(f"[{text}]({link.address})")

    def _address(self, tag: Tag) -> str:
        """Return the address of a link if a reader can follow it, else an empty text."""
        address = tag.attributes.get("href", "").strip()
        if len(address) > MAX_ADDRESS:
            self._hidden.add("long address")
            return ""
        if address and not _is_address(address):
            self._hidden.add("HTML attribute")
            return ""
        return address


class _Code:
    """The code that is open: a block, or in a line."""

    def __init__(self, *, is_block: bool):
        self.is_block = is_block
        self.parts: list[str] = []
        self.language = ""
        self.begins_with_tag = False


class _Link:
    """The link that is open."""

    def __init__(self, address: str):
        self.address = address
        self.parts: list[str] = []


class _Row:
    """Counts the cells of a table's row."""

    def __init__(self) -> None:
        self._cells = 0
        self._is_heading = False
        self.is_between_cells = False

    def close_cell(self) -> None:
        self.is_between_cells = True

    def open(self, name: str) -> None:
        self.is_between_cells = name == "tr"
        if name in ("td", "th"):
            self._cells += 1
            self._is_heading = self._is_heading or name == "th"
        elif name in ("table", "tr"):
            self._cells = 0
            self._is_heading = False

    def end(self) -> list[str]:
        """Return the end of the row, and the line between a heading and the other rows."""
        lines = ["|"] if self._cells else []
        if self._is_heading:
            lines.append("| --- " * self._cells + "|")
        self._cells = 0
        self._is_heading = False
        self.is_between_cells = False
        return lines


def _is_address(text: str) -> bool:
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        return False
    return scheme in _SCHEMES and _ADDRESS.fullmatch(text) is not None
