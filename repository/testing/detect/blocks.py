"""Lines of indented files (YAML, Makefiles, INI) with the names of the blocks around them.

No YAML is loaded, since hostile documents can expand without bound: indentation says enough.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_LINES = 4000
_MAX_LENGTH = 4000
_MAX_DEPTH = 20
_SECTION = re.compile(r"\[{1,2}([^\[\]]{1,200})\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"[\"']?([\w.${}<>/@ -]{1,100}?)[\"']?\s{0,4}:(?=\s|$)\s*(.*)")
_OPTION = re.compile(r"([\w.-]{1,100})\s{0,4}=(?!=)")
_ITEM = re.compile(r"-\s+")

_ALWAYS_SPECIAL = re.compile(
    r"(?<![a-z])(?:min(?:imum|imal)?|mindeps|oldest|lowest|nightly|upstream|canary|pre-?release)(?![a-z])",
    re.I,
)
_OTHER_PURPOSE = re.compile(
    r"(?<![a-z])(?:docs?|documentation|sphinx|mkdocs|lint(?:er|ing|ers)?|style|format(?:ting)?|flake8"
    r"|pylint|ruff|black|isort|mypy|pyright|typing|type-?check(?:ing)?|types|pre-?commit|publish"
    r"|release|deploy(?:ment)?|docfx|pytype|wheels?|sdist|bench(?:marks?)?|codeql|security|audit|changelog)"
    r"(?![a-z])",
    re.I,
)
_TESTS = re.compile(r"(?<!la)test", re.I)


@dataclass(frozen=True)
class Line:
    """A line of a file, with those that continue it."""

    number: int
    """Of its first line, counted from 1."""
    text: str
    """Without the surrounding white space."""
    blocks: tuple[str, ...] = ()
    """The names of the blocks around it, outermost first: keys, sections, steps, headings."""
    for_tests: bool = True
    """Whether it may be for tests, other than by the names of its blocks."""


def read_lines(text: str) -> list[Line]:
    """Return the lines of an indented file, except for blank ones and comments."""
    lines: list[Line] = []
    blocks: list[tuple[int, str]] = []
    for number, raw_line in _joined_lines(text):
        content = raw_line.strip()
        if not content or content.startswith("#"):
            continue
        indent = len(raw_line) - len(raw_line.lstrip())
        position = _position(indent, is_item=_ITEM.match(content) is not None)
        section = _SECTION.fullmatch(content) if indent == 0 else None
        if section is not None:
            blocks = [(-1, section[1])]
            continue
        while blocks and blocks[-1][0] >= position:
            blocks.pop()
        lines.append(Line(number, content, tuple(name for _, name in blocks)))
        if len(blocks) < _MAX_DEPTH:
            blocks += _opened_block(content, indent)
    return lines


def is_special(name: str) -> bool:
    """Whether a job or file of this name uses versions that are not everybody's."""
    return _ALWAYS_SPECIAL.search(name) is not None


def is_for_other_purpose(name: str) -> bool:
    """Whether a job, file or section of this name has another purpose than to run tests."""
    return _OTHER_PURPOSE.search(name) is not None and _TESTS.search(name) is None


def _joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; a line that ends in a backslash goes on in the next."""
    pending = ""
    first = 1
    for number, line in enumerate(text.splitlines()[:_MAX_LINES], start=1):
        if not pending:
            first = number
        pending += line[:_MAX_LENGTH].lstrip() if pending else line[:_MAX_LENGTH]
        if pending.endswith("\\") and len(pending) < _MAX_LENGTH:
            pending = pending[:-1].rstrip() + " "
            continue
        yield first, pending
        pending = ""
    if pending:
        yield first, pending


def _opened_block(content: str, indent: int) -> list[tuple[int, str]]:
    """Return (indent, name) of the block that a line opens for the lines after it."""
    item = _ITEM.match(content)
    offset = item.end() if item else 0
    key = _KEY.match(content, offset)
    if key is not None and item is not None and key[1] == "name":
        # A step's name stands for the whole step.
        return [(_position(indent, is_item=True), key[2])]
    opener = key or _OPTION.match(content, offset)
    if opener is None:
        return []
    return [(_position(indent + offset, is_item=False), opener[1])]


def _position(indent: int, *, is_item: bool) -> int:
    """Return how deep a line is: an item belongs to the key above it even without more indent."""
    return 2 * indent + int(is_item)
