"""Find the calls in a reply's text, in one pass.

The construct that begins first is read to its end, and its content is not searched: a command may
write a file with fences, tags and JSON in it.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass, replace

from stages.propose_patch.agent.protocol.elements import ElementReader
from stages.propose_patch.agent.protocol.fences import Fence, FenceReader
from stages.propose_patch.agent.protocol.heredocs import HereDocuments, ShellIndex
from stages.propose_patch.agent.protocol.json_calls import (
    MAX_WASTED,
    InvalidJson,
    NamedCall,
    calls_in,
    decode,
    has_call_keys,
    name_in,
    python_calls,
)
from stages.propose_patch.agent.protocol.tags import TagIndex
from stages.propose_patch.agent.protocol.written import WrittenCall

_START = re.compile(r"^[ \t]*(?=[`~<{\[])", re.M)
_START_HERE = re.compile(r"\s*(?=[`~<{\[])")
_BLANK = re.compile(r"\s*")
_MARKER = re.compile(r"\[TOOL_CALLS\]|<\|(?:python_tag|tool_call)\|>")
"""Tokens that some models write before their calls in JSON."""
_THOUGHT = re.compile(r"<(?:think|thinking|thoughts?|reasoning|analysis)>")
_THOUGHT_END = re.compile(
    r"(?<![`\"'])</(?P<tag>think|thinking|thoughts?|reasoning|analysis)>(?![`\"'])"
)
_UNOPENED = ("think", "thinking")
"""Tags of thoughts that may be opened in a provider's prompt instead of the reply."""
_JSON_BEGINNING = re.compile(r"\{\s*\"|\[\s*\{")
_AFTER_JSON = re.compile(r"[ \t]*(?:$|<)", re.M)
_CALL_LANGUAGES = ("", "json", "xml", "html", "tool", "tool_call", "tool_calls", "tool_code")
"""Languages of code fences whose whole content may be calls."""
_PYTHON_LANGUAGES = ("tool_call", "tool_calls", "tool_code")
_ATTEMPT_COST = 100
"""Characters that each attempt to parse JSON counts as, in addition to those read."""
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
    visible_text: str
    """The text without the model's thoughts."""
    prose: str
    """``visible_text`` without the calls."""


def scan(text: str, *, is_cut_off: bool = False) -> Scan:
    """Return the calls in a text.

    If the text was cut off, nothing after an open code fence is read.
    """
    scanner = _Scanner(text, is_cut_off=is_cut_off)
    calls = scanner.scan()
    return Scan(calls=tuple(calls), visible_text=scanner.visible_text, prose=scanner.prose)


class _Scanner:
    def __init__(self, text: str, *, is_cut_off: bool):
        self._text = text
        self._is_cut_off = is_cut_off
        self._index = ShellIndex(text)
        self._fences = FenceReader(text, self._index)
        self._tags = TagIndex(text)
        self._elements = ElementReader(self._tags, self._index)
        self._thought_ends = list(_THOUGHT_END.finditer(text))
        self._calls: list[WrittenCall] = []
        self._thoughts: list[tuple[int, int]] = []
        """Spans, in order."""
        self._call_spans: list[tuple[int, int]] = []
        """Where the calls were read, in order."""
        self._wasted = 0

    @property
    def visible_text(self) -> str:
        """The text outside of thoughts."""
        return self._text_outside(self._thoughts)

    @property
    def prose(self) -> str:
        """The text outside of thoughts and calls."""
        return self._text_outside(sorted(self._thoughts + self._call_spans))

    def _text_outside(self, spans: list[tuple[int, int]]) -> str:
        parts: list[str] = []
        position = 0
        for begin, end in spans:
            parts.append(self._text[position:begin])
            position = end
        return "".join([*parts, self._text[position:]])

    def scan(self) -> list[WrittenCall]:
        """Return the calls of a reply."""
        position = 0
        follows = True
        while True:
            start = self._next_start(position, follows=follows)
            thought_end = self._unopened_end(position, start)
            if thought_end is None:
                if start == len(self._text):
                    return self._calls
                known = len(self._calls)
                position, follows = self._read(start)
                if len(self._calls) > known:
                    self._call_spans.append((start, position))
                thought_end = self._end_of_thought_around(start, position)
            if thought_end is not None:
                self._calls.clear()
                self._call_spans.clear()
                self._thoughts = [(0, thought_end)]
                position = thought_end
                follows = True
            elif self._calls and self._calls[-1].problem:
                return self._calls

    def scan_whole(self) -> list[WrittenCall]:
        """Return the calls that a text consists of; none if it contains anything else."""
        position = self._skip_blank(0)
        while position < len(self._text):
            position, follows = self._read(position)
            if self._calls and self._calls[-1].problem:
                return self._calls
            if not follows:
                return []
            position = self._skip_blank(position)
        return self._calls

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

    # Thoughts

    def _unopened_end(self, position: int, start: int) -> int | None:
        """Return the end of a thought between two positions, or at the second one, or None."""
        at = bisect_left(self._thought_ends, position, key=lambda match: match.start())
        for match in self._thought_ends[at : at + 1]:
            if match.start() <= start and match["tag"] in _UNOPENED:
                return match.end()
        return None

    def _end_of_thought_around(self, start: int, end: int) -> int | None:
        """Return the end of the thought that contains what was read from start to end, or None.

        A call drafted in a thought may still be open when the thought ends. The thought's closing
        tag is content only in a here-document, or if the thought begins in what was read.
        """
        has_problem = bool(self._calls) and bool(self._calls[-1].problem)
        limit = len(self._text) if has_problem else end
        at = bisect_left(self._thought_ends, start, key=lambda match: match.start())
        for match in self._thought_ends[at : at + 1]:
            is_alone = self._is_alone_on_line(match) or has_problem
            if match.start() < limit and match["tag"] in _UNOPENED and is_alone:
                return None if self._is_content(start, match.start()) else match.end()
        return None

    def _is_alone_on_line(self, match: re.Match[str]) -> bool:
        line_start = self._text.rfind("\n", 0, match.start()) + 1
        line_end = self._text.find("\n", match.end())
        around = self._text[line_start : match.start()]
        around += self._text[match.end() : line_end if line_end >= 0 else len(self._text)]
        return not around.strip()

    def _is_content(self, start: int, position: int) -> bool:
        if _THOUGHT.search(self._text, start, position) is not None:
            return True
        return HereDocuments(self._index, start).contain(position)

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
        if fence.is_shell or self._is_cut_off:
            return len(self._text), False
        return start + 1, False

    # Tags

    def _read_tag(self, start: int) -> Next:
        thought = _THOUGHT.match(self._text, start)
        if thought is not None:
            end = self._end_of_thought(thought.end())
            self._thoughts.append((start, end))
            return end, True
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

    def _end_of_thought(self, position: int) -> int:
        """Return the end of the thought open at a position; the text's end if it is not closed."""
        at = bisect_left(self._thought_ends, position, key=lambda match: match.start())
        return self._thought_ends[at].end() if at < len(self._thought_ends) else len(self._text)

    def _add(self, call: WrittenCall) -> Next:
        self._calls.append(call)
        return call.end, True

    # JSON

    def _read_json(self, start: int) -> Next:
        if self._wasted > MAX_WASTED or not _JSON_BEGINNING.match(self._text, start):
            return start + 1, False
        self._wasted += _ATTEMPT_COST
        try:
            value, end = decode(self._text, start)
        except InvalidJson as error:
            return self._refuse_json(error, start)
        calls = calls_in(value)
        if calls and _AFTER_JSON.match(self._text, end):
            self._calls += _written(calls, end)
        return end, True

    def _refuse_json(self, error: InvalidJson, start: int) -> Next:
        """Add a problem if invalid JSON is meant as a call."""
        self._wasted += error.characters_read
        beginning = self._text[start : start + 2_000]
        if not has_call_keys(beginning):
            return start + 1, False
        problem = f"The call is not valid JSON: {error}."
        return self._add(WrittenCall(name_in(beginning), {}, len(self._text), problem))


def _calls_in_fence(fence: Fence, end: int) -> list[WrittenCall]:
    """Return the calls of a code fence: its command, or the calls that are all of its content."""
    if fence.is_shell:
        command = fence.command
        return [WrittenCall("bash", command, end, fenced=True)] if command else []
    if fence.language not in _CALL_LANGUAGES:
        return []
    calls: list[WrittenCall] = []
    if fence.content.lstrip()[:1] in ("<", "{", "["):
        calls = _Scanner(fence.content, is_cut_off=False).scan_whole()
    elif fence.language in _PYTHON_LANGUAGES:
        calls = _written(python_calls(fence.content), end)
    return [replace(call, end=end, fenced=True) for call in calls]


def _written(calls: list[NamedCall], end: int) -> list[WrittenCall]:
    return [WrittenCall(name, arguments, end) for name, arguments in calls]
