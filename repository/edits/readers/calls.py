"""The reader of tool calls: JSON, or tags with one parameter each.

The arguments determine the edit; calls that only read something are skipped.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prompts.filters import code
from repository.edits.argument_names import (
    END_NAMES,
    FILE_TEXT_NAMES,
    INSERT_NAMES,
    NEW_TEXT_NAMES,
    OLD_TEXT_NAMES,
    PATH_NAMES,
    START_NAMES,
)
from repository.edits.model import (
    Change,
    DeleteFile,
    Lines,
    MoveFile,
    ReplaceLines,
    ReplaceText,
    WriteFile,
)
from repository.edits.readers import blocks, diffs, envelope
from repository.edits.readers.headings import Paths
from repository.edits.readers.reading import Reading, Unreadable
from repository.json_reader import InvalidJson, JsonReader

_WRITING = (*OLD_TEXT_NAMES, *NEW_TEXT_NAMES, "start_line", "insert_line")
"""Arguments of calls that write."""
_ARGUMENTS = ("arguments", "input", "parameters", "args")
_NAME = ("name", "tool", "command")
_IDENTIFYING_KEYS = ("old_str", "old_string", "start_line", "file_text", "edits")
"""Keys that identify a bare JSON object as the arguments of a call."""

_WRITES = re.compile(r"create|write|overwrite|save|new_file", re.I)
_READS = re.compile(
    r"^(?:view|open|read|search|find|grep|list|ls|run|bash|execute|think|finish|submit|undo)", re.I
)
_JSON_START = re.compile(r"^[ \t]*(?:<\w+>\s*)?[\[{]", re.M)
_INVOKE = re.compile(r"<(?:invoke name=\"?|function=)(?P<name>[\w.-]+)\"?>|</(?:invoke|function)>")
_PARAMETER = re.compile(r"<parameter(?: name=\"?|=)(?P<name>\w+)\"?>|</parameter>")
_MOVES = re.compile(r"(?:rename|move|mv)(?:_|$)", re.I)
_SOURCE_NAMES = ("old_path", "source", "source_path", "src", "from", "old_name", *PATH_NAMES)
_DESTINATION_NAMES = ("new_path", "destination", "destination_path", "dst", "to", "new_name")
_MAX_CALLS = 1_000
_MAX_SHOWN_NAME = 80

_NESTED = (
    ("*** Begin Patch", envelope.read),
    ("\n@@", diffs.read),
    ("<<<<<<< SEARCH", blocks.read),
)
"""Patches that a call may contain as one string: marker and reader."""


@dataclass(frozen=True)
class _Call:
    name: str
    arguments: dict[str, Any]

    @property
    def operation(self) -> str:
        """The operation: the call's name or, if one tool has several operations, its command."""
        return str(self.arguments.get("command") or self.name)

    def text(self, names: tuple[str, ...]) -> str | None:
        """Return the first of these arguments that is a string."""
        for name in names:
            value = self.arguments.get(name)
            if isinstance(value, str):
                return value
        return None

    def number(self, names: tuple[str, ...]) -> int | None:
        """Return the first of these arguments that is an integer or a string with one."""
        for name in names:
            value = self.arguments.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
                return int(value)
        return None

    def patches(self) -> Iterator[str]:
        """Yield the string arguments that may contain a patch, without those that are file text."""
        for name, value in self.arguments.items():
            if name in OLD_TEXT_NAMES or name in NEW_TEXT_NAMES or name in FILE_TEXT_NAMES:
                continue
            values = value if isinstance(value, list) else [value]
            for item in values:
                if isinstance(item, str):
                    yield item


@dataclass(frozen=True)
class _CallText:
    """A part of a reply that contains calls."""

    begin: int
    """Position in the reply's text; the end is excluded."""
    end: int
    calls: list[_Call]


def read(lines: list[str], paths: Paths = None) -> Reading:
    """Read the calls of a reply that write files."""
    text = "\n".join(lines)
    reading = Reading()
    for part in [*_find_json(text), *_find_tagged(text)]:
        line = text.count("\n", 0, part.begin)
        before = len(reading.edits) + len(reading.problems)
        for call in part.calls:
            _read_call(call, line, reading, paths)
        if len(reading.edits) + len(reading.problems) > before:
            last = line + text.count("\n", part.begin, part.end)
            reading.add_span(line, last + 1)
    return reading


def _read_call(call: _Call, line: int, reading: Reading, paths: Paths) -> None:
    """Add the edits of a call that begins at ``line``, or the problem with it."""
    if _read_patches(call, line, reading, paths):
        return
    try:
        changes = list(_changes(call))
    except Unreadable as error:
        name = call.name[:_MAX_SHOWN_NAME]
        reading.add_problem(line, f"the call {code(name)} can't be read: {error}")
        return
    for path, change in changes:
        reading.add_edit(path.removeprefix("./"), change)


def _read_patches(call: _Call, line: int, reading: Reading, paths: Paths) -> bool:
    """Add the edits of patches inside a call's arguments; return whether there were any."""
    before = len(reading.edits) + len(reading.problems)
    problems: list[str] = []
    for patch in call.patches():
        for marker, read_patch in _NESTED:
            if marker not in patch:
                continue
            nested = read_patch(patch.split("\n"), paths)
            for edit in nested.edits:
                reading.add_edit(edit.path, edit.change)
            problems += [problem.message for problem in nested.problems]
    for message in problems:
        reading.add_problem(line, message)
    return len(reading.edits) + len(reading.problems) > before


def _changes(call: _Call) -> Iterator[tuple[str, Change]]:
    """Yield the path and change of each edit of a call; nothing for a call that only reads."""
    path = call.text(PATH_NAMES)
    tool = call.operation.rsplit(".", 1)[-1]
    if _MOVES.match(tool):
        yield _move(call)
        return
    if _READS.match(tool) and call.text(OLD_TEXT_NAMES) is None:
        return
    edits = call.arguments.get("edits")
    if isinstance(edits, list):
        for item in edits:
            if isinstance(item, dict):
                yield from _changes(_Call(call.name, {"path": path, **item}))
        return
    if path is None:
        if call.text(OLD_TEXT_NAMES) is not None and call.text(NEW_TEXT_NAMES) is not None:
            raise Unreadable("it names no file")
        return
    change = _line_change(call) or _text_change(call) or _file_change(call)
    if change is not None:
        yield path, change
    elif any(name in call.arguments for name in _WRITING):
        raise Unreadable("it lacks an argument, or one is of the wrong type")


def _move(call: _Call) -> tuple[str, MoveFile]:
    """Return the path and change of a call that renames a file."""
    source = call.text(_SOURCE_NAMES)
    destination = call.text(_DESTINATION_NAMES)
    if source is None or destination is None:
        raise Unreadable("it does not name the old and the new path")
    return source, MoveFile(destination.removeprefix("./"))


def _line_change(call: _Call) -> Change | None:
    """Return the replacement of lines by their numbers, if that is what the call does."""
    new = call.text(NEW_TEXT_NAMES)
    if new is None:
        return None
    start = call.number(START_NAMES)
    end = call.number(END_NAMES)
    if start is not None and end is not None:
        return ReplaceLines(start, end, _split_lines(new))
    insert = call.number(INSERT_NAMES)
    if insert is not None and "insert" in call.operation:
        return ReplaceLines(insert + 1, insert, _split_lines(new))
    return None


def _text_change(call: _Call) -> Change | None:
    """Return the replacement of one text by another, if that is what the call does."""
    old = call.text(OLD_TEXT_NAMES)
    new = call.text(NEW_TEXT_NAMES)
    if old is None or new is None:
        return None
    everywhere = call.arguments.get("replace_all") in (True, "true", "True")
    return ReplaceText(old, new, everywhere)


def _file_change(call: _Call) -> Change | None:
    """Return the removal or the new text of a whole file, if that is what the call does."""
    if "delete" in call.operation or "remove" in call.operation:
        return DeleteFile()
    text = call.text(FILE_TEXT_NAMES)
    if text is not None and _WRITES.search(call.operation):
        return WriteFile(_split_lines(text))
    return None


def _split_lines(text: str) -> Lines:
    """Return a text's lines. If a text begins with a line feed, those around it are layout."""
    text = text.replace("\r\n", "\n")
    if text.startswith("\n"):
        text = text.strip("\n")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return tuple(lines)


def _find_json(text: str) -> list[_CallText]:
    """Find the JSON values in a text that look like calls."""
    parts: list[_CallText] = []
    reader = JsonReader(text)
    start = _JSON_START.search(text)
    while start and not reader.is_exhausted:
        begin = start.end() - 1
        try:
            value, end = reader.read(begin)
        except InvalidJson:
            end = start.end()
        else:
            calls = _calls_in(value)
            if calls:
                parts.append(_CallText(begin, end, calls))
        start = _JSON_START.search(text, end)
    return parts


def _calls_in(value: Any) -> list[_Call]:
    """Return everything in a JSON value that looks like a call; bare arguments have no name."""
    if isinstance(value, list):
        calls: list[_Call] = []
        for item in value[:_MAX_CALLS]:
            calls += _calls_in(item)
        return calls
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("tool_calls"), list):
        return _calls_in(value["tool_calls"])
    if isinstance(value.get("function"), dict):
        return _calls_in(value["function"])
    name = next((value[key] for key in _NAME if value.get(key)), "")
    arguments = _arguments_of(value)
    if arguments is not None:
        return [_Call(str(name), arguments)]
    bare = _Call(str(name or value.get("action") or ""), value)
    is_call = bare.text(PATH_NAMES) and any(key in value for key in _IDENTIFYING_KEYS)
    return [bare] if is_call else []


def _arguments_of(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of a call, which can be an object or a string of JSON."""
    for key in _ARGUMENTS:
        arguments = value.get(key)
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments, strict=False)
            except (ValueError, RecursionError):
                continue
        if isinstance(arguments, dict):
            return arguments
    return None


def _find_tagged(text: str) -> list[_CallText]:
    """Find the calls in tags: ``<invoke name="edit"><parameter name="path">...``."""
    if "<parameter" not in text:
        return []
    parts: list[_CallText] = []
    for invocation in _elements(_INVOKE, text):
        arguments: dict[str, Any] = {}
        for parameter in _elements(_PARAMETER, invocation.content):
            # One line feed next to each tag belongs to the tag.
            value = parameter.content.removeprefix("\n").removesuffix("\n")
            arguments[parameter.name] = value
        call = _Call(invocation.name, arguments)
        parts.append(_CallText(invocation.begin, invocation.end, [call]))
    return parts


@dataclass(frozen=True)
class _Element:
    name: str
    content: str
    begin: int
    """Position of its opening tag in the text."""
    end: int
    """Position after its closing tag."""


def _elements(tag: re.Pattern[str], text: str) -> list[_Element]:
    """Return the elements: each opening tag, up to the first closing tag after it."""
    elements: list[_Element] = []
    opening: re.Match[str] | None = None
    for match in tag.finditer(text):
        opens = match["name"] is not None
        if opens and opening is None:
            opening = match
        elif not opens and opening is not None:
            content = text[opening.end() : match.start()]
            elements.append(_Element(opening["name"], content, opening.start(), match.end()))
            opening = None
    return elements
