"""Find the calls in a reply's text, in one pass.

The construct that begins first is read to its end, and its content is not searched: a command may
write a file with fences, tags and JSON in it.
"""

import re
from dataclasses import dataclass, replace

from repository.here_documents import ShellIndex
from repository.json_reader import InvalidJson, JsonReader
from stages.propose_patch.agent.protocol.elements import ElementReader
from stages.propose_patch.agent.protocol.fences import Fence, FenceReader
from stages.propose_patch.agent.protocol.json_calls import calls_in, has_call_keys, name_in
from stages.propose_patch.agent.protocol.python_calls import python_calls
from stages.propose_patch.agent.protocol.tags import TagIndex
from stages.propose_patch.agent.protocol.written import NamedCall, WrittenCall

_START = re.compile(r"^[ \t]*(?=[`~<{\[])", re.M)
_START_HERE = re.compile(r"\s*(?=[`~<{\[])")
_BLANK = re.compile(r"\s*")
_MARKER = re.compile(r"\[TOOL_CALLS\]|<\|(?:python_tag|tool_call)\|>")
"""Tokens that some models write before their calls in JSON."""
_JSON_BEGINNING = re.compile(r"\{\s*\"|\[\s*\{")
_AFTER_JSON = re.compile(r"[ \t]*(?:$|<)", re.M)
_CALL_LANGUAGES = ("", "json", "xml", "html", "tool", "tool_call", "tool_calls", "tool_code")
"""Languages of code fences whose whole content may be calls."""
_PYTHON_LANGUAGES = ("tool_call", "tool_calls", "tool_code")
_UNCLEAR_FENCE_END = (
    "It is not clear where the code fence around the command ends: a fence without a language is"
    " left open after it."
)
_NO_FENCE_END = "The code fence around the command is not closed."

Next = tuple[int, bool]
"""The position to continue at, and whether a call may begin there without a new line."""


@dataclass(frozen=True)
class Scan:
    """The result of scanning a text."""

    calls: tuple[WrittenCall, ...]
    """In order. The last one may have a problem."""
    prose: str
    """The text without the calls."""


def scan(text: str) -> Scan:
    """Return the calls in a text."""
    scanner = _Scanner(text)
    calls = scanner.scan()
    return Scan(calls=tuple(calls), prose=scanner.prose)


class _Scanner:
    def __init__(self, text: str):
        self._text = text
        self._index = ShellIndex(text)
        self._fences = FenceReader(text, self._index)
        self._tags = TagIndex(text)
        self._elements = ElementReader(self._tags, self._index)
        self._calls: list[WrittenCall] = []
        self._call_spans: list[tuple[int, int]] = []
        """Where the calls were read, in order."""
        self._json = JsonReader(text)

    @property
    def prose(self) -> str:
        """The text outside of calls."""
        return _text_outside(self._text, self._call_spans)

    @property
    def _has_problem(self) -> bool:
        """Whether the last call can't be read, so that nothing after it is known to be outside."""
        return bool(self._calls) and bool(self._calls[-1].problem)

    def scan(self) -> list[WrittenCall]:
        """Return the calls of a reply."""
        position = 0
        follows = True
        while not self._has_problem:
            start = self._next_start(position, follows=follows)
            if start == len(self._text):
                break
            position, follows = self._read_noting_calls(start)
        return self._calls

    def scan_whole(self) -> list[WrittenCall]:
        """Return the calls that a text consists of; none if it contains anything else."""
        position = self._skip_blank(0)
        while position < len(self._text):
            position, follows = self._read(position)
            if self._has_problem:
                return self._calls
            if not follows:
                return []
            position = self._skip_blank(position)
        return self._calls

    def _read_noting_calls(self, start: int) -> Next:
        """Read what begins at a position, and note where it is if it holds calls."""
        known = len(self._calls)
        position, follows = self._read(start)
        if len(self._calls) > known:
            self._call_spans.append((start, position))
        return position, follows

    def _next_start(self, position: int, *, follows: bool) -> int:
        """Return where the next fence, tag or JSON begins; the end of the text if none does."""
        start = _START_HERE.match(self._text, position) if follows else None
        if start is None:
            start = _START.search(self._text, position)
        return start.end() if start is not None else len(self._text)

    def _skip_blank(self, position: int) -> int:
        blank = _BLANK.match(self._text, position)
        return blank.end() if blank is not None else position

    def _read(self, start: int) -> Next:
        """Read what begins at a position, and add its calls."""
        marker = _MARKER.match(self._text, start)
        if marker is not None:
            return marker.end(), True
        character = self._text[start]
        if character in "`~":
            return self._read_fence(start)
        if character == "<":
            return self._read_tag(start)
        if character in "{[":
            return self._read_json(start)
        return start + 1, False

    # Fences

    def _read_fence(self, start: int) -> Next:
        fence = self._fences.read(start)
        if fence is None:
            return start + 1, False
        if fence.end is None:
            return self._read_open_fence(fence, start)
        self._calls += _calls_in_fence(fence, fence.end)
        return fence.end, True

    def _read_open_fence(self, fence: Fence, start: int) -> Next:
        if fence.is_shell:
            call = WrittenCall("bash", fence.content, len(self._text), _NO_FENCE_END, fenced=True)
            self._calls.append(call)
        elif not fence.language and self._calls and self._calls[-1].fenced:
            self._calls[-1] = replace(self._calls[-1], problem=_UNCLEAR_FENCE_END)
        if fence.is_shell:
            return len(self._text), False
        return start + 1, False

    # Tags

    def _read_tag(self, start: int) -> Next:
        closing = self._tags.closing_at(start)
        if closing is not None:
            return closing.end, True
        opening = self._tags.opening_at(start)
        if opening is None:
            return start + 1, False
        call = self._elements.read(opening)
        if call is not None:
            return self._add(call)
        return (opening.end, True) if opening.is_wrapper else (start + 1, False)

    def _add(self, call: WrittenCall) -> Next:
        self._calls.append(call)
        return call.end, True

    # JSON

    def _read_json(self, start: int) -> Next:
        if self._json.is_exhausted or not _JSON_BEGINNING.match(self._text, start):
            return start + 1, False
        try:
            value, end = self._json.read(start)
        except InvalidJson as error:
            return self._refuse_json(error, start)
        calls = calls_in(value)
        if calls and _AFTER_JSON.match(self._text, end):
            self._calls += _written(calls, end)
        return end, True

    def _refuse_json(self, error: InvalidJson, start: int) -> Next:
        """Add a problem if invalid JSON is meant as a call."""
        beginning = self._text[start : start + 2_000]
        if not has_call_keys(beginning):
            return start + 1, False
        problem = f"The call is not valid JSON: {error}."
        return self._add(WrittenCall(name_in(beginning), {}, len(self._text), problem))


def _text_outside(text: str, spans: list[tuple[int, int]]) -> str:
    """Return a text without spans of it, which are in order."""
    parts: list[str] = []
    position = 0
    for begin, end in spans:
        parts.append(text[position:begin])
        position = end
    parts.append(text[position:])
    return "".join(parts)


def _calls_in_fence(fence: Fence, end: int) -> list[WrittenCall]:
    """Return the calls of a code fence: its command, or the calls that are all of its content."""
    if fence.is_shell:
        command = fence.command
        return [WrittenCall("bash", command, end, fenced=True)] if command else []
    if fence.language not in _CALL_LANGUAGES:
        return []
    calls: list[WrittenCall] = []
    if fence.content.lstrip()[:1] in ("<", "{", "["):
        calls = _Scanner(fence.content).scan_whole()
    elif fence.language in _PYTHON_LANGUAGES:
        calls = _written(python_calls(fence.content), end)
    return [replace(call, end=end, fenced=True) for call in calls]


def _written(calls: list[NamedCall], end: int) -> list[WrittenCall]:
    return [WrittenCall(name, arguments, end) for name, arguments in calls]
