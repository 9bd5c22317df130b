"""Calls in tags: ``<tool name="bash">ls</tool>``, ``<invoke>`` with parameters, and their kin."""

import html
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from stages.propose_patch.agent.protocol.fields import MAIN_FIELD, argument_names, is_view
from stages.propose_patch.agent.protocol.heredocs import HereDocuments, ShellIndex
from stages.propose_patch.agent.protocol.json_calls import InvalidJson, decode
from stages.propose_patch.agent.protocol.names import find_name
from stages.propose_patch.agent.protocol.written import SHELLS, WrittenCall

CALL_TAGS = ("tool", "invoke", "function", "tool_use", "tool_call", "function_call", "call")
"""Tags of a call that names its tool: in an attribute, after an equals sign, or in an element."""
_WRAPPERS = ("function_calls", "tool_calls", "tools", "calls")
_DIRECT_TAGS = (
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
"""Tools whose name some models use as the tag; no name that HTML or an edit format has."""
_PARAMETER_TAGS = ("parameter", "param", "arg", "argument")
_GROUP_TAGS = ("arguments", "args", "parameters", "params", "input")
"""Tags around all arguments of a call."""
_NAME_TAGS = ("name", "tool_name")
_NAME_ATTRIBUTES = ("name", "tool", "tool_name", "function")
_IGNORED_ATTRIBUTES = ("id", "type")

_SPACE = r"(?:[\w-]{1,40}:)?"
"""A namespace, as in ``<invoke>``."""
_OPENING = re.compile(
    rf"<{_SPACE}(?P<tag>[A-Za-z_][\w.-]{{0,79}})(?:=[\"']?(?P<value>[\w.:-]{{1,80}})[\"']?)?(?=[\s/>])"
)
_ATTRIBUTE = re.compile(r"\s*(?P<name>[\w.:-]{1,80})\s*=\s*(?P<quote>[\"']?)")
_BARE_VALUE = re.compile(r"[^\s\"'<>/]+")
_OPENING_END = re.compile(r"\s*(?P<empty>/?)>")
CLOSING = re.compile(rf"</{_SPACE}(?P<tag>[A-Za-z_][\w.-]{{0,79}})\s*>")
_LINE_OPENING = re.compile(rf"^[ \t]*<{_SPACE}(?P<tag>[A-Za-z_][\w.-]{{0,79}})(?=[\s=/>])", re.M)
_BLANK = re.compile(r"\s*")
_ENDS_LINE = re.compile(r"[ \t]*(?:$|<)", re.M)
_FIELD_LINE = re.compile(r"(?P<name>\w{1,40})[ \t]*:[ \t]*(?P<value>[^\n]*)")
_KEYED = re.compile(r"\s*(?P<name>[\w.:-]{1,80})\s*(?=<arg_key>)")
_PAIR = re.compile(r"\s*<arg_key>(?P<name>[^<]{1,80})</arg_key>\s*<arg_value>")
_FENCED_BODY = re.compile(r"\s*(?P<mark>`{3,})(?P<language>\w*)[ \t]*\n")
_ENTITY = re.compile(r"&(?:lt|gt|quot|apos|amp|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")
_MAX_TAG = 2_000
"""Characters of a tag with its attributes."""
_LIKE_JSON = re.compile(r'\s*\{\s*"\w{1,80}"\s*:')
_MAX_WASTED = 20_000_000
"""Characters that may be read in vain, because text only begins like JSON."""
UNCLOSED = "The call has no end."
INVALID_JSON = "The arguments are not valid JSON."
AMBIGUOUS = "The end of the call is not clear, since its closing tag occurs more than once."


@dataclass(frozen=True)
class Opening:
    """An opening tag."""

    tag: str
    value: str
    """What follows an equals sign after the tag, as in ``<function=bash>``."""
    attributes: dict[str, str]
    is_empty: bool
    """Whether it closes itself."""
    end: int

    @property
    def name(self) -> str:
        """The tool or parameter that it names; empty if none."""
        if self.value:
            return self.value
        names = (self.attributes.get(key, "") for key in _NAME_ATTRIBUTES)
        return next(filter(None, names), "")

    @property
    def fields(self) -> dict[str, object]:
        """The attributes that are arguments."""
        ignored = (*_NAME_ATTRIBUTES, *_IGNORED_ATTRIBUTES)
        return {key: value for key, value in self.attributes.items() if key not in ignored}

    @property
    def is_parameter(self) -> bool:
        return self.tag in _PARAMETER_TAGS and bool(self.name)

    @property
    def is_wrapper(self) -> bool:
        """Whether calls follow inside it."""
        return self.tag in _WRAPPERS or (self.tag in CALL_TAGS and not self.name)

    @property
    def tool(self) -> str:
        """The tool that is called; empty if this tag calls none."""
        if self.tag in CALL_TAGS:
            return self.name
        return self.tag if self.tag in _DIRECT_TAGS else ""


class ElementReader:
    """Reads the elements of a text that are calls."""

    def __init__(self, text: str, index: ShellIndex):
        self._text = text
        self._index = index
        self._closings = _positions_by_tag(CLOSING, text)
        self._openings = _positions_by_tag(_OPENING, text)
        self._line_openings = _positions_by_tag(_LINE_OPENING, text)
        called = [self._line_openings.get(tag, []) for tag in (*CALL_TAGS, *_DIRECT_TAGS)]
        self._call_openings = sorted(position for positions in called for position in positions)
        self._wasted = 0
        self._last_quotes = {quote: text.rfind(quote) for quote in "\"'"}

    def read_opening(self, start: int) -> Opening | None:
        """Return the opening tag at a position, or None."""
        match = _OPENING.match(self._text, start)
        if match is None:
            return None
        position = match.end()
        attributes: dict[str, str] = {}
        while (attribute := self._read_attribute(position)) is not None:
            name, value, position = attribute
            attributes[name] = value
        end = _OPENING_END.match(self._text, position)
        if end is None:
            return None
        return Opening(
            tag=match["tag"].lower(),
            value=match["value"] or "",
            attributes=attributes,
            is_empty=bool(end["empty"]),
            end=end.end(),
        )

    def _read_attribute(self, position: int) -> tuple[str, str, int] | None:
        match = _ATTRIBUTE.match(self._text, position)
        if match is None:
            return None
        quote = match["quote"]
        if not quote:
            bare = _BARE_VALUE.match(self._text, match.end())
            return (match["name"], bare[0], bare.end()) if bare is not None else None
        if self._last_quotes[quote] < match.end():
            return None
        end = self._text.index(quote, match.end())
        return match["name"], _unescape(self._text[match.end() : end]), end + 1

    def read_call(self, opening: Opening) -> WrittenCall:
        """Return the call that an opening tag begins."""
        if opening.is_empty:
            return WrittenCall(opening.tool, opening.fields, opening.end)
        return _BodyReader(self, opening.tool, opening.tag, opening.fields).read(opening.end)

    def read_keyed_call(self, opening: Opening) -> WrittenCall | None:
        """Return a call that names its tool after the tag or in an element, or None.

        ``<tool_call>bash<arg_key>command</arg_key><arg_value>ls</arg_value></tool_call>``
        """
        keyed = _KEYED.match(self._text, opening.end)
        if keyed is not None:
            return self._read_pairs(keyed["name"], keyed.end(), opening.tag)
        start = self.skip_blank(opening.end)
        inner = self.read_opening(start)
        if inner is None or inner.tag not in _NAME_TAGS or inner.is_empty:
            return None
        end = self._text.find("</", inner.end, inner.end + 100)
        closing = CLOSING.match(self._text, end) if end >= 0 else None
        if closing is None:
            return None
        name = self._text[inner.end : end].strip()
        return _BodyReader(self, name, opening.tag, {}).read(closing.end())

    def _read_pairs(self, name: str, position: int, tag: str) -> WrittenCall:
        fields: dict[str, object] = {}
        while (pair := _PAIR.match(self._text, position)) is not None:
            value = self.value_end("arg_value", pair.end(), ("arg_key",), tag, name)
            if isinstance(value, str):
                return WrittenCall(name, fields, position, problem=value)
            fields[pair["name"].strip()] = self._text[pair.end() : value.begin]
            position = value.end
        return self.finish(WrittenCall(name, fields, position), tag)

    # Ends

    def value_end(
        self, tag: str, begin: int, following: tuple[str, ...], parent: str, tool: str
    ) -> "Closing | str":
        """Return the tag that closes a value, or what is wrong.

        The value may contain elements like its own, and text that looks like its closing tag. So
        the next tag decides: another argument (``following``), or the end of the call (``parent``).
        """
        candidates: list[Closing] = []
        next_call = self._next_call(begin)
        for closing, is_paired in self._content_closings(tag, begin, tool):
            if candidates and closing.begin > next_call:
                break
            if is_paired:
                continue
            if self._is_followed_by(closing.end, following, parent):
                return closing
            if _ENDS_LINE.match(self._text, closing.end):
                candidates.append(closing)
        if len(candidates) == 1:
            return candidates[0]
        return AMBIGUOUS if candidates else UNCLOSED

    def _content_closings(
        self, tag: str, begin: int, tool: str
    ) -> Iterator[tuple["Closing", bool]]:
        """Yield the closing tags outside of here-documents from a position on.

        With each, whether it belongs to an opening tag after the position.
        """
        documents = HereDocuments(self._index, begin)
        is_command = _is_shell(tool)
        openings = _from(self._openings.get(tag, []), begin)
        opened = next(openings, None)
        depth = 0
        for closing in self._closings_from(tag, begin):
            while opened is not None and opened < closing.begin:
                is_content = is_command and documents.contain(opened)
                depth += not is_content and not self._is_empty(opened)
                opened = next(openings, None)
            if is_command and documents.contain(closing.begin):
                continue
            yield closing, depth > 0
            depth = max(0, depth - 1)

    def _is_empty(self, opening: int) -> bool:
        """Return whether an opening tag closes itself."""
        end = self._text.find(">", opening, opening + _MAX_TAG)
        return end > 0 and self._text[end - 1] == "/"

    def _is_followed_by(self, position: int, following: tuple[str, ...], parent: str) -> bool:
        start = self.skip_blank(position)
        if start == len(self._text):
            return True
        closing = CLOSING.match(self._text, start)
        if closing is not None:
            return closing["tag"].lower() in (parent, *CALL_TAGS, *_GROUP_TAGS)
        opening = _OPENING.match(self._text, start)
        return opening is not None and opening["tag"].lower() in (*_PARAMETER_TAGS, *following)

    def body_end(self, tag: str, begin: int, tool: str) -> "Closing | str":
        """Return the tag that closes a body without arguments in tags, or what is wrong.

        A call inside it that begins and ends like this one belongs to the body.
        """
        documents = HereDocuments(self._index, begin)
        is_command = _is_shell(tool)
        inner = _from(self._line_openings.get(tag, []), begin)
        opened = next(inner, None)
        depth = 0
        for closing in self._closings_from(tag, begin):
            while opened is not None and opened < closing.begin:
                depth += not (is_command and documents.contain(opened))
                opened = next(inner, None)
            if is_command and documents.contain(closing.begin):
                continue
            if not _ENDS_LINE.match(self._text, closing.end):
                continue
            if depth == 0:
                return closing
            depth -= 1
        return UNCLOSED

    def finish(self, call: WrittenCall, tag: str) -> WrittenCall:
        """Return a call after its closing tag, which may be missing behind complete arguments."""
        if call.problem:
            return call
        closing = CLOSING.match(self._text, self.skip_blank(call.end))
        end = call.end
        if closing is not None and closing["tag"].lower() == tag:
            end = closing.end()
        return self.checked(WrittenCall(call.name, call.arguments, end), tag)

    def checked(self, call: WrittenCall, tag: str) -> WrittenCall:
        """Return a call with a problem if another closing tag follows that closes nothing."""
        following = self.read_opening(self.skip_blank(call.end))
        if following is not None and following.tool:
            return call
        limit = self._next_call(call.end)
        for closing in self._closings_from(tag, call.end):
            if closing.begin >= limit:
                break
            quoted = self._text[closing.begin - 1] in "`\"'"
            if not quoted and _ENDS_LINE.match(self._text, closing.end):
                return WrittenCall(call.name, call.arguments, call.end, problem=AMBIGUOUS)
        return call

    def _next_call(self, position: int) -> int:
        """Return where the next call begins at a line's beginning, or the end of the text."""
        at = bisect_left(self._call_openings, position)
        return self._call_openings[at] if at < len(self._call_openings) else len(self._text)

    def _closings_from(self, tag: str, position: int) -> Iterator["Closing"]:
        for begin in _from(self._closings.get(tag, []), position):
            yield Closing(begin, self._text.index(">", begin) + 1)

    def read_object(self, start: int) -> tuple[dict[str, object], int] | None:
        """Return the JSON object at a position and the position after it, if a tag follows."""
        if self._wasted > _MAX_WASTED or not _LIKE_JSON.match(self._text, start):
            return None
        try:
            value, end = decode(self._text, start)
        except InvalidJson as error:
            self._wasted += error.characters_read
            return None
        is_body = isinstance(value, dict) and CLOSING.match(self._text, self.skip_blank(end))
        return (value, end) if isinstance(value, dict) and is_body else None

    def skip_blank(self, position: int) -> int:
        match = _BLANK.match(self._text, position)
        return match.end() if match is not None else position

    def slice(self, begin: int, end: int) -> str:
        return self._text[begin:end]


@dataclass(frozen=True)
class Closing:
    """A closing tag's span."""

    begin: int
    end: int


class _BodyReader:
    """Reads what is between the tags of one call."""

    def __init__(self, reader: ElementReader, name: str, tag: str, fields: dict[str, object]):
        self._reader = reader
        self._name = name
        self._tag = tag
        self._fields = dict(fields)
        self._names = argument_names(name)

    def read(self, begin: int) -> WrittenCall:
        start = self._reader.skip_blank(begin)
        opening = self._reader.read_opening(start)
        if opening is not None and self._is_group(opening):
            start = self._reader.skip_blank(opening.end)
            grouped = self._reader.read_opening(start)
            if grouped is not None and self._is_argument(grouped):
                return self._read_arguments(start, opening.tag)
            return self._read_body(opening.end, opening.tag)
        if opening is not None and self._is_argument(opening):
            return self._read_arguments(start, "")
        return self._read_object(start) or self._read_body(begin, self._tag)

    def _read_object(self, start: int) -> WrittenCall | None:
        """Read a body that is a JSON object, or return None."""
        value = self._reader.read_object(start)
        if value is None:
            return None
        fields, end = value
        call = WrittenCall(self._name, {**self._fields, **fields}, end)
        return self._reader.finish(call, self._tag)

    def _is_group(self, opening: Opening) -> bool:
        return opening.tag in _GROUP_TAGS and not opening.name and not opening.is_empty

    def _is_argument(self, opening: Opening) -> bool:
        return opening.is_parameter or opening.tag in self._names

    def _read_arguments(self, position: int, group: str) -> WrittenCall:
        """Read arguments of which each is an element, perhaps inside one of the tag ``group``."""
        while True:
            start = self._reader.skip_blank(position)
            opening = self._reader.read_opening(start)
            if opening is None or not self._is_argument(opening):
                break
            name = opening.name if opening.is_parameter else opening.tag
            closing = self._reader.value_end(
                opening.tag, opening.end, self._names, self._tag, self._name
            )
            if isinstance(closing, str):
                return WrittenCall(self._name, self._fields, position, problem=closing)
            if name in self._fields:
                return WrittenCall(self._name, self._fields, position, problem=AMBIGUOUS)
            value = self._reader.slice(opening.end, closing.begin)
            self._fields[name] = _without_layout(value, name)
            position = closing.end
        call = WrittenCall(self._name, self._fields, position)
        if group:
            call = self._reader.finish(call, group)
        return self._reader.finish(call, self._tag)

    def _read_body(self, begin: int, tag: str) -> WrittenCall:
        closing = self._reader.body_end(tag, begin, self._name)
        if isinstance(closing, str):
            return WrittenCall(self._name, self._fields, begin, problem=closing)
        body = _without_fence(_without_layout(self._reader.slice(begin, closing.begin), ""))
        if _LIKE_JSON.match(body) and _json_object(body) is None:
            return WrittenCall(self._name, self._fields, begin, problem=INVALID_JSON)
        call = WrittenCall(self._name, self._arguments(body), closing.end)
        if tag != self._tag:
            return self._reader.finish(call, self._tag)
        return self._reader.checked(call, tag)

    def _arguments(self, body: str) -> object:
        """Return the arguments that a body is: JSON, lines of ``name: value``, or plain text."""
        fields = _json_object(body)
        if fields is None and is_view(self._name):
            fields = self._field_lines(body)
        if fields is not None:
            return {**self._fields, **fields}
        if not self._fields:
            return body
        if not body.strip():
            return self._fields
        return {**self._fields, _body_field(self._name, self._fields): body}

    def _field_lines(self, body: str) -> dict[str, object] | None:
        fields: dict[str, object] = {}
        for line in body.strip().split("\n"):
            match = _FIELD_LINE.fullmatch(line.strip())
            if match is None or match["name"] not in self._names:
                return None
            fields[match["name"]] = match["value"].strip()
        return fields


def _positions_by_tag(pattern: re.Pattern[str], text: str) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for match in pattern.finditer(text):
        positions.setdefault(match["tag"].lower(), []).append(match.start())
    return positions


def _from(positions: list[int], position: int) -> Iterator[int]:
    """Yield the positions from one on."""
    for at in range(bisect_left(positions, position), len(positions)):
        yield positions[at]


def _is_shell(tool: str) -> bool:
    known = find_name(tool)
    return known is not None and known.tool == "bash"


def _unescape(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)


def _without_layout(text: str, name: str) -> str:
    """Return a value without the line feeds next to its tags, if it begins on a line of its own.

    The text of a file ends with its last line feed.
    """
    first, line_feed, rest = text.partition("\n")
    if first.strip() or not line_feed:
        return text
    body, _, last = rest.rpartition("\n")
    if last.strip():
        return rest
    return body + "\n" if name in ("file_text", "content", "contents") else body


def _without_fence(body: str) -> str:
    """Return the content of a code fence that is all of a body."""
    fence = _FENCED_BODY.match(body)
    if fence is None or (fence["language"] and fence["language"].lower() not in FENCES_IN_BODY):
        return body
    content, _, last = body[fence.end() :].rstrip().rpartition("\n")
    return content if last.strip() == fence["mark"] else body


FENCES_IN_BODY = (*SHELLS, "json", "text", "diff", "patch")


def _json_object(body: str) -> dict[str, object] | None:
    text = body.strip()
    if not text.startswith("{"):
        return None
    try:
        value, end = decode(text, 0)
    except InvalidJson:
        return None
    return value if isinstance(value, dict) and end == len(text) else None


def _body_field(name: str, fields: dict[str, object]) -> str:
    """Return the argument that the body of a call with attributes is."""
    known = find_name(name)
    if known is None:
        return "body"
    if known.tool != "edit":
        return MAIN_FIELD[known.tool]
    return "file_text" if "path" in fields or "file_path" in fields else "path"
