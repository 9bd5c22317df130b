"""Parse the tag at a position of a text, and find tags by name."""

import html
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

CALL_TAGS = ("tool", "invoke", "function", "tool_use", "tool_call", "function_call", "call")
"""Tags of a call that names its tool: in an attribute, after an equals sign, or in an element."""
_WRAPPERS = ("function_calls", "tool_calls", "tools", "calls")
_TOOL_TAGS = (
    "apply_patch",
    "attempt_completion",
    "bash",
    "create_file",
    "edit_file",
    "execute_bash",
    "execute_command",
    "file_editor",
    "finish",
    "needs_info",
    "no_change_needed",
    "read_file",
    "replace_in_file",
    "run_command",
    "run_shell_command",
    "run_tests",
    "shell",
    "str_replace_based_edit_tool",
    "str_replace_editor",
    "submit",
    "terminal",
    "view_file",
    "write_file",
    "write_to_file",
)
"""Tools whose name some models use as the tag, except names that HTML or an edit format uses."""
PARAMETER_TAGS = ("parameter", "param", "arg", "argument")
GROUP_TAGS = ("arguments", "args", "parameters", "params", "input")
"""Tags around all arguments of a call."""
NAME_TAGS = ("name", "tool_name")
_NAME_ATTRIBUTES = ("name", "tool", "tool_name", "function")
_IGNORED_ATTRIBUTES = ("id", "type")

_NAME = r"(?:[\w-]{1,40}:)?(?P<tag>[A-Za-z_][\w.-]{0,79})"
"""A tag's name, perhaps after a namespace, as in ``<invoke>``."""
_OPENING = re.compile(rf"<{_NAME}(?:=[\"']?(?P<value>[\w.:-]{{1,80}})[\"']?)?(?=[\s/>])")
_LINE_OPENING = re.compile(rf"^[ \t]*<{_NAME}(?=[\s=/>])", re.M)
_CLOSING = re.compile(rf"</{_NAME}\s*>")
_ATTRIBUTE = re.compile(r"\s*(?P<name>[\w.:-]{1,80})\s*=\s*(?P<quote>[\"']?)")
_BARE_VALUE = re.compile(r"[^\s\"'<>/]+")
_OPENING_END = re.compile(r"\s*(?P<empty>/?)>")
_ENTITY = re.compile(r"&(?:lt|gt|quot|apos|amp|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")
_BLANK = re.compile(r"\s*")
_ENDS_LINE = re.compile(r"[ \t]*(?:$|<)", re.M)
_MAX_TAG = 2_000
"""Maximum characters of a tag with its attributes."""


@dataclass(frozen=True)
class Opening:
    """An opening tag."""

    tag: str
    """In lower case, without a namespace."""
    value: str
    """The value after an equals sign, as in ``<function=bash>``; empty if there is none."""
    attributes: dict[str, str]
    is_empty: bool
    """Whether it closes itself."""
    end: int

    @property
    def name(self) -> str:
        """The tool or parameter that it names; empty if none."""
        if self.value:
            return self.value
        for key in _NAME_ATTRIBUTES:
            if self.attributes.get(key):
                return self.attributes[key]
        return ""

    @property
    def fields(self) -> dict[str, object]:
        """The attributes that are arguments."""
        ignored = (*_NAME_ATTRIBUTES, *_IGNORED_ATTRIBUTES)
        return {key: value for key, value in self.attributes.items() if key not in ignored}

    @property
    def is_parameter(self) -> bool:
        return self.tag in PARAMETER_TAGS and bool(self.name)

    @property
    def is_group(self) -> bool:
        """Whether all arguments of a call follow inside it."""
        return self.tag in GROUP_TAGS and not self.name and not self.is_empty

    @property
    def is_wrapper(self) -> bool:
        """Whether calls follow inside it."""
        return self.tag in _WRAPPERS or (self.tag in CALL_TAGS and not self.name)

    @property
    def tool(self) -> str:
        """The tool that is called; empty if this tag calls none."""
        if self.tag in CALL_TAGS:
            return self.name
        return self.tag if self.tag in _TOOL_TAGS else ""


@dataclass(frozen=True)
class Closing:
    """A closing tag."""

    tag: str
    begin: int
    end: int


class TagIndex:
    """The tags of a text."""

    def __init__(self, text: str):
        self.text = text
        self._closings = _closings_by_tag(text)
        self._openings = _positions_by_tag(_OPENING, text)
        self._line_openings = _positions_by_tag(_LINE_OPENING, text)
        self._line_calls: list[int] = []
        """Where calls begin at the beginning of a line."""
        for tag in (*CALL_TAGS, *_TOOL_TAGS):
            self._line_calls += self._line_openings.get(tag, [])
        self._line_calls.sort()
        self._last_quotes = {quote: text.rfind(quote) for quote in "\"'"}

    # Tags at a position

    def opening_at(self, position: int) -> Opening | None:
        match = _OPENING.match(self.text, position)
        if match is None:
            return None
        attributes, position = self._attributes_at(match.end())
        end = _OPENING_END.match(self.text, position)
        if end is None:
            return None
        return Opening(
            tag=match["tag"].lower(),
            value=match["value"] or "",
            attributes=attributes,
            is_empty=bool(end["empty"]),
            end=end.end(),
        )

    def closing_at(self, position: int) -> Closing | None:
        match = _CLOSING.match(self.text, position)
        return _closing(match) if match is not None else None

    def _attributes_at(self, position: int) -> tuple[dict[str, str], int]:
        """Return the attributes at a position, and the position after them."""
        attributes: dict[str, str] = {}
        while True:
            match = _ATTRIBUTE.match(self.text, position)
            if match is None:
                return attributes, position
            end = self._value_end(match)
            if end is None:
                return attributes, position
            attributes[match["name"]] = _unescape(self.text[match.end() : end])
            position = end + len(match["quote"])

    def _value_end(self, attribute: re.Match[str]) -> int | None:
        """Return where an attribute's value ends; None if it has no end."""
        quote = attribute["quote"]
        begin = attribute.end()
        if not quote:
            bare = _BARE_VALUE.match(self.text, begin)
            return bare.end() if bare is not None else None
        if self._last_quotes[quote] < begin:
            return None
        return self.text.index(quote, begin)

    # Tags from a position on

    def openings(self, tag: str, position: int) -> Iterator[int]:
        """Yield the positions of the opening tags with a name."""
        return _from(self._openings.get(tag, []), position)

    def line_openings(self, tag: str, position: int) -> Iterator[int]:
        """Yield the positions of the lines that begin with an opening tag."""
        return _from(self._line_openings.get(tag, []), position)

    def closings(self, tag: str, position: int) -> Iterator[Closing]:
        closings = self._closings.get(tag, [])
        first = bisect_left(closings, position, key=lambda closing: closing.begin)
        for at in range(first, len(closings)):
            yield closings[at]

    def next_call(self, position: int) -> int:
        """Return where the next line that begins with a call starts, or the end of the text."""
        return next(_from(self._line_calls, position), len(self.text))

    # Characters

    def skip_blank(self, position: int) -> int:
        match = _BLANK.match(self.text, position)
        return match.end() if match is not None else position

    def ends_line(self, position: int) -> bool:
        """Return whether nothing but a tag follows on the line."""
        return _ENDS_LINE.match(self.text, position) is not None

    def is_empty_at(self, position: int) -> bool:
        """Return whether the opening tag at a position closes itself."""
        end = self.text.find(">", position, position + _MAX_TAG)
        return end > 0 and self.text[end - 1] == "/"


def _closing(match: re.Match[str]) -> Closing:
    return Closing(tag=match["tag"].lower(), begin=match.start(), end=match.end())


def _closings_by_tag(text: str) -> dict[str, list[Closing]]:
    closings: dict[str, list[Closing]] = {}
    for match in _CLOSING.finditer(text):
        closing = _closing(match)
        closings.setdefault(closing.tag, []).append(closing)
    return closings


def _positions_by_tag(pattern: re.Pattern[str], text: str) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for match in pattern.finditer(text):
        positions.setdefault(match["tag"].lower(), []).append(match.start())
    return positions


def _from(positions: list[int], position: int) -> Iterator[int]:
    """Yield the positions that are not before ``position``."""
    for at in range(bisect_left(positions, position), len(positions)):
        yield positions[at]


def _unescape(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)
