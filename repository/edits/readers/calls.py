"""Tool calls: JSON, or tags with one parameter each. The arguments say what is meant; mere looks
are passed.
"""

import json
import re
from dataclasses import replace
from typing import Any

from repository.edits.model import Change, Delete, Edit, Found, Problem, Span, Substring, Whole
from repository.edits.readers import blocks, diffs, envelope

_PATH = (
    "file_path",
    "path",
    "filepath",
    "filename",
    "file_name",
    "target_file",
    "relative_path",
    "file",
)
_OLD = ("old_str", "old_string", "old_text", "old_code", "search", "old", "original")
_NEW = (
    "new_str",
    "new_string",
    "new_text",
    "new_code",
    "replace",
    "replacement",
    "replacement_code",
    "new",
    "new_content",
    "content",
    "code",
    "text",
)
_WHOLE = ("file_text", "content", "contents", "new_content", "text", "code")
_WRITES = re.compile(r"create|write|overwrite|save|new_file", re.I)
_LOOKS = re.compile(
    r"^(?:view|open|read|search|find|grep|list|ls|run|bash|execute|think|finish|submit|undo)", re.I
)
_STARTS = re.compile(r"^[ \t]*(?:<\w+>\s*)?[\[{]", re.M)
_INVOKE = re.compile(r"<(?:invoke name=\"?|function=)(?P<name>[\w.-]+)\"?>|</(?:invoke|function)>")
_PARAMETER = re.compile(r"<parameter(?: name=\"?|=)(?P<name>\w+)\"?>|</parameter>")
_MAX_CALLS = 1_000
_PATIENCE = 200_000_000
"""Characters read in vain, for text that only begins like JSON."""


#: What a call may hold whole, as one string: a patch, which has its own reader.
_NESTED = (
    ("*** Begin Patch", envelope.read),
    ("\n@@", diffs.read),
    ("<<<<<<< SEARCH", blocks.read),
)


class _Unread(Exception):
    """The call writes, but how can't be told."""


def read(lines: list[str]) -> Found:
    text = "\n".join(lines)
    edits: list[Edit] = []
    problems: list[Problem] = []
    spans: list[tuple[int, int]] = []
    for begin, end, calls in [*_json(text), *_tagged(text)]:
        first = text.count("\n", 0, begin)
        before = len(edits) + len(problems)
        for name, arguments in calls:
            nested = [
                reader(value.split("\n"))
                for value in _strings(arguments)
                for sign, reader in _NESTED
                if sign in value
            ]
            if any(inner.edits or inner.problems for inner in nested):
                edits += [
                    replace(edit, number=len(edits) + n) for n, edit in enumerate(_all(nested), 1)
                ]
                problems += [
                    Problem(first + 1, problem.what)
                    for inner in nested
                    for problem in inner.problems
                ]
                continue
            try:
                for path, change in _changes(name, arguments):
                    edits.append(Edit(len(edits) + 1, path.removeprefix("./"), change))
            except _Unread as error:
                problems.append(
                    Problem(first + 1, f"the call {name[:80]!r} can't be read: {error}")
                )
        if len(edits) + len(problems) > before:
            spans.append((first, first + text.count("\n", begin, end) + 1))
    return Found(tuple(edits), tuple(problems), tuple(spans))


def _json(text: str) -> list[tuple[int, int, list[tuple[str, dict[str, Any]]]]]:
    found = []
    decoder = json.JSONDecoder(strict=False)
    at = 0
    patience = _PATIENCE
    while patience > 0 and (start := _STARTS.search(text, at)):
        begin = start.end() - 1
        patience -= 100
        try:
            value, end = decoder.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            patience -= (
                len(text) if error.msg.startswith("Unterminated") else error.pos
            )  # it counts lines up to there
            at = start.end()
            continue
        except RecursionError:
            break
        if calls := _calls(value):
            found.append((begin, end, calls))
        at = max(end, start.end())
    return found


def _calls(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """(name, arguments) of what looks like calls in a JSON value; a bare object of arguments has no
    name.
    """
    if isinstance(value, list):
        return [call for item in value[:_MAX_CALLS] for call in _calls(item)]
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("tool_calls"), list):
        return _calls(value["tool_calls"])
    if isinstance(value.get("function"), dict):
        return _calls(value["function"])
    for key in ("arguments", "input", "parameters", "args"):
        arguments = value.get(key)
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments, strict=False)
            except (ValueError, RecursionError):
                continue
        if isinstance(arguments, dict):
            name = value.get("name") or value.get("tool") or value.get("command") or ""
            return [(str(name), arguments)]
    named = str(
        value.get("name") or value.get("tool") or value.get("command") or value.get("action") or ""
    )
    return [(named, value)] if _first(value, _PATH) and _bare(value) else []


def _bare(value: dict[str, Any]) -> bool:
    """An object without a call around it is one only where its keys say so plainly."""
    return any(
        key in value for key in ("old_str", "old_string", "start_line", "file_text", "edits")
    )


def _tagged(text: str) -> list[tuple[int, int, list[tuple[str, dict[str, Any]]]]]:
    if "<parameter" not in text:
        return []
    return [
        (
            begin,
            end,
            [(name, {key: _trimmed(value) for key, value, _, _ in _elements(_PARAMETER, body)})],
        )
        for name, body, begin, end in _elements(_INVOKE, text)
    ]


def _elements(tag: re.Pattern[str], text: str) -> list[tuple[str, str, int, int]]:
    """(name, content, begin, end) of each opening tag with the first closing one after it."""
    found: list[tuple[str, str, int, int]] = []
    opened: re.Match[str] | None = None
    for match in tag.finditer(text):
        if match["name"] is None and opened is not None:
            found.append(
                (opened["name"], text[opened.end() : match.start()], opened.start(), match.end())
            )
            opened = None
        elif match["name"] is not None and opened is None:
            opened = match
    return found


def _trimmed(value: str) -> str:
    """One line end next to each tag belongs to the tag."""
    return value.removeprefix("\n").removesuffix("\n")


def _changes(name: str, arguments: dict[str, Any]) -> list[tuple[str, Change]]:
    path = _first(arguments, _PATH)
    what = str(arguments.get("command") or name)
    if _LOOKS.match(what.rsplit(".", 1)[-1]) and _first(arguments, _OLD) is None:
        return []
    if isinstance(arguments.get("edits"), list):
        items = [item for item in arguments["edits"] if isinstance(item, dict)]
        return [change for item in items for change in _changes(name, {"path": path, **item})]
    start = _number(arguments, "start_line", "start")
    end = _number(arguments, "end_line", "end")
    old = _first(arguments, _OLD)
    new = _first(arguments, _NEW)
    insert = _number(arguments, "insert_line", "line")
    if path is None:
        if old is not None and new is not None:
            raise _Unread("it names no file")
        return []
    if start is not None and end is not None and new is not None:
        return [(path, Span(start, end, _split(new)))]
    if insert is not None and new is not None and "insert" in what:
        return [(path, Span(insert + 1, insert, _split(new)))]
    if old is not None and new is not None:
        everywhere = arguments.get("replace_all") in (True, "true", "True")
        return [(path, Substring(old, new, everywhere))]
    if "delete" in what or "remove" in what:
        return [(path, Delete())]
    text = _first(arguments, _WHOLE)
    if _WRITES.search(what) and text is not None:
        return [(path, Whole(_split(text)))]
    if any(key in arguments for key in (*_OLD, *_NEW, "start_line", "insert_line")):
        raise _Unread("it lacks an argument, or one is of the wrong type")
    return []


def _strings(arguments: dict[str, Any]) -> list[str]:
    """The arguments that may hold a patch; not those that say what a file's text is."""
    named = [value for key, value in arguments.items() if key not in (*_OLD, *_NEW, *_WHOLE)]
    return [
        one
        for value in named
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, str)
    ]


def _all(found: list[Found]) -> list[Edit]:
    return [edit for one in found for edit in one.edits]


def _first(arguments: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((arguments[name] for name in names if isinstance(arguments.get(name), str)), None)


def _number(arguments: dict[str, Any], *names: str) -> int | None:
    for name in names:
        value = arguments.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
            return int(value)
    return None


def _split(text: str) -> tuple[str, ...]:
    """A text's lines. One that begins with a line end is framed by line ends, for looks."""
    text = text.replace("\r\n", "\n")
    lines = (text.strip("\n") if text.startswith("\n") else text).split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)
