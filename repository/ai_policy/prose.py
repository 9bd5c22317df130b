"""A file of prose as sentences, each with its line and the headings above it.

Markdown, reStructuredText, AsciiDoc and plain text are read with the same rules.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"\s*(?P<marks>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
_INDENTED = re.compile(r"(?: {4}|\t)\s*\S")
_HEADING = re.compile(r"\s{0,3}(?P<marks>#{1,6}|={2,6})\s+(?P<title>.+?)\s*[#=]*\s*$")
_UNDERLINE = re.compile(r"\s{0,3}([=\-~^\"'*+#.`])\1{2,}\s*$")
_ITEM = re.compile(r"(?P<indent>\s*)(?:[-*+•]|\d{1,3}[.)])\s+(?P<box>\[[ xX]\]\s+)?(?P<text>.*)")
_QUOTE = re.compile(r"^(?:\s{0,3}>\s?)+")
_ALERT = re.compile(r"\[!\w+\]\s*")
_TABLE_ROW = re.compile(r"[\s|:+=-]+$|.*\|.*\|")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\betc)(?<!\bincl)[.!?][\"'”’)*_`]*\s+(?=[\"'“‘(\[*_`]*[A-Z0-9]"
    r")"
)


@dataclass(frozen=True)
class Sentence:
    text: str
    """As written, on one line."""
    line: int
    """Of its beginning; the first is 1."""
    headings: tuple[str, ...] = ()
    """Above it, the innermost last."""
    intro: str = ""
    """The words that introduce the list or the quotation that it is in, without their colon."""
    before: str = ""
    """The sentence before it in the same paragraph."""
    is_item: bool = False
    """Of a list."""
    is_checkbox: bool = False
    """An item that its reader ticks or not."""
    is_heading: bool = False


@dataclass
class _Block:
    """The lines of a paragraph, of a list's item or of a heading."""

    lines: list[tuple[int, str]] = field(default_factory=list)
    is_item: bool = False
    is_quote: bool = False
    is_checkbox: bool = False

    def text(self) -> str:
        return " ".join(text for _, text in self.lines)

    def line_at(self, offset: int) -> int:
        """Return the number of the line that has the character at ``offset`` of the text."""
        end = 0
        for number, text in self.lines:
            end += len(text) + 1
            if offset < end:
                return number
        return self.lines[-1][0]


class _Reader:
    def __init__(self) -> None:
        self.sentences: list[Sentence] = []
        self._block = _Block()
        self._headings: dict[int, str] = {}
        """Level -> title, the outermost first."""
        self._styles: list[str] = []
        """The characters under headings, the outermost first."""
        self._intro = ""
        self._fence = ""
        """The marks that began the code in which the next line is; empty outside of code."""
        self._in_list = False
        """Whether an indented line may belong to an item."""

    def read(self, numbered: Iterator[tuple[int, str]]) -> None:
        for number, raw in numbered:
            if not self._is_code(raw):
                self._read_line(number, raw)
        self._end_block()

    def _is_code(self, line: str) -> bool:
        """Return whether a line is code, or begins or ends it."""
        fence = _FENCE.match(line)
        if self._fence:
            if fence and fence["marks"].startswith(self._fence) and not fence["info"].strip():
                self._fence = ""
            return True
        if fence and not self._is_underlined(line):
            self._fence = fence["marks"]
            self._end_block()
            return True
        return not (self._block.lines or self._in_list) and _INDENTED.match(line) is not None

    def _is_underlined(self, line: str) -> bool:
        """Return whether a line of tildes makes a heading of the line above, as in
        reStructuredText.
        """
        above = self._block.lines
        marks = line.strip()
        return len(above) == 1 and marks == "~" * len(marks) and len(marks) >= len(above[0][1])

    def _read_line(self, number: int, raw: str) -> None:
        line = _QUOTE.sub("", raw)
        if line != raw and not self._block.is_quote:
            self._end_block()
            self._block.is_quote = True
        line = _ALERT.sub("", line)
        if line.strip() and not line[0].isspace():
            self._in_list = False
        heading = _HEADING.match(line)
        item = _ITEM.match(line)
        if not line.strip():
            self._end_block()
        elif heading:
            self._end_block()
            self._add_heading(number, heading["title"], len(heading["marks"]))
        elif _UNDERLINE.match(line):
            self._read_underline(line.strip()[0])
        elif item:
            self._end_block()
            self._in_list = True
            self._block.is_item = True
            self._block.is_checkbox = item["box"] is not None
            self._block.lines.append((number, item["text"].strip()))
        elif _TABLE_ROW.match(line):
            self._end_block()
        else:
            self._block.lines.append((number, line.strip()))

    def _read_underline(self, mark: str) -> None:
        """Take the line above for a heading; without one, it is a ruler."""
        block = self._block
        if len(block.lines) != 1 or block.is_item:
            self._end_block()
            return
        self._block = _Block()
        if mark not in self._styles:
            self._styles.append(mark)
        number, title = block.lines[0]
        self._add_heading(number, title, self._styles.index(mark) + 1)

    def _add_heading(self, number: int, title: str, level: int) -> None:
        self._headings = {above: name for above, name in self._headings.items() if above < level}
        outer = tuple(self._headings.values())
        self.sentences.append(Sentence(title, number, outer, is_heading=True))
        self._headings[level] = title
        self._intro = ""

    def _end_block(self) -> None:
        block = self._block
        self._block = _Block()
        if not block.lines:
            return
        headings = tuple(self._headings.values())
        intro = self._intro if block.is_item or block.is_quote else ""
        before = ""
        text = block.text()
        for start, sentence in split_sentences(text):
            line = block.line_at(start)
            self.sentences.append(
                Sentence(sentence, line, headings, intro, before, block.is_item, block.is_checkbox)
            )
            before = sentence
        if not (block.is_item or block.is_quote):
            self._intro = before.rstrip(":*_ ") if text.rstrip("*_ ").endswith(":") else ""


def split_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Return the sentences of a paragraph, each with its offset."""
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield start, text[start : end.end()].strip()
        start = end.end()
    if text[start:].strip():
        yield start, text[start:].strip()


def read_sentences(text: str, *, with_comments: bool) -> list[Sentence]:
    """Return the sentences of a file outside of code.

    Args:
        with_comments: HTML comments are read, too: authors see those of a template.
    """
    if with_comments:
        visible = text.replace("<!--", "").replace("-->", "")
    else:
        visible = _COMMENT.sub(_keep_lines, text)
    reader = _Reader()
    reader.read(iter(enumerate(visible.splitlines(), 1)))
    return reader.sentences


def _keep_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")
