"""Rename the arguments of a call to ours, and convert them to the tool's types.

Models confuse names (``file_path`` for ``path``), write numbers and lists as strings, and pass one
value instead of an object with fields.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from repository.edits.argument_names import (
    END_NAMES,
    FILE_TEXT_NAMES,
    INSERT_NAMES,
    NEW_TEXT_NAMES,
    OLD_TEXT_NAMES,
    PATH_NAMES,
    START_NAMES,
)
from stages.propose_patch.agent.protocol.names import KnownName, find_name
from stages.propose_patch.agent.protocol.tools import TOOLS, EditCommand

Fields = dict[str, Any]

#: Arguments without an effect here: a model's remarks on its call.
_REMARKS = frozenset(
    {
        "description",
        "expected_replacements",
        "explanation",
        "instruction",
        "is_background",
        "justification",
        "max_output_tokens",
        "reasoning",
        "requires_approval",
        "security_risk",
        "thought",
        "thoughts",
        "yield_time_ms",
    }
)
#: Tool -> the argument that a value without a name is for.
MAIN_FIELD = {
    "bash": "command",
    "edit": "path",
    "run_tests": "tests",
    "submit": "summary",
    "needs_info": "what",
    "no_change_needed": "why",
    "apply_patch": "text",
}
_FOLDER_NAMES = ("dir_path", "directory", "dir", "folder")
_ALIASES: dict[str, dict[str, tuple[str, ...]]] = {
    "bash": {
        "command": ("cmd", "code", "script", "bash", "bash_command", "input", "commands"),
        "seconds": ("timeout", "timeout_seconds", "timeout_secs", "time_limit"),
    },
    "edit": {
        "path": (*PATH_NAMES, *_FOLDER_NAMES),
        "view_range": ("range", "line_range", "lines"),
        "file_text": FILE_TEXT_NAMES,
        "old_str": OLD_TEXT_NAMES,
        "new_str": NEW_TEXT_NAMES,
        "insert_line": INSERT_NAMES,
    },
    "run_tests": {
        "tests": (
            "test",
            "test_files",
            "files",
            "file",
            "paths",
            "path",
            "node_ids",
            "nodeids",
            "test_ids",
            "targets",
        ),
    },
    "submit": {
        "summary": ("message", "result", "output", "answer", "comment", "body", "text", "reason"),
    },
    "needs_info": {"what": ("question", "info", "message", "reason", "body", "text", "missing")},
    "no_change_needed": {"why": ("reason", "message", "body", "text", "summary")},
    "apply_patch": {"text": ("input", "patch", "diff", "body", "edits", "content")},
}
_EDIT_FIELDS: dict[EditCommand, tuple[str, ...]] = {
    "view": ("path", "view_range"),
    "create": ("path", "file_text"),
    "str_replace": ("path", "old_str", "new_str", "replace_all"),
    "insert": ("path", "insert_line", "new_str"),
    "undo_edit": ("path",),
}
"""The arguments of each command of the editor."""
_EDIT_COMMANDS: dict[str, EditCommand] = {
    "view": "view",
    "open": "view",
    "read": "view",
    "show": "view",
    "create": "create",
    "write": "create",
    "new": "create",
    "overwrite": "create",
    "str_replace": "str_replace",
    "replace": "str_replace",
    "edit": "str_replace",
    "string_replace": "str_replace",
    "insert": "insert",
    "undo_edit": "undo_edit",
    "undo": "undo_edit",
}
_VIEW_START_NAMES = (*START_NAMES, "offset", "line_number")
_VIEW_NUMBERS = (*_VIEW_START_NAMES, *END_NAMES, "line", "limit")
"""Single numbers that stand for a range of lines."""
_DIGITS = re.compile(r"-?\d{1,9}")
_MILLISECONDS_FROM = 5_000
"""From this value on, a time limit is in milliseconds, as some models are trained to write it."""
_SHELLS = ("bash", "sh", "zsh", "/bin/bash", "/bin/sh", "/usr/bin/bash")
_SHELL_FIELDS = ("workdir", "cwd", "directory", "timeout_ms")
_VIEWED_LINES = 100
"""Number of lines in a view for which only the first line is named."""


def named_fields(tool: str, arguments: object) -> Fields:
    """Return a call's arguments by name, whether they are an object, a list or one value."""
    if arguments is None or arguments == "":
        return {}
    if isinstance(arguments, str):
        inner = _inner_object(arguments)
        if inner is not None:
            return inner
    if isinstance(arguments, Mapping):
        return {str(name): value for name, value in arguments.items()}
    return {MAIN_FIELD[tool]: arguments}


def _inner_object(text: str) -> Fields | None:
    """Return the object that a string holds as JSON, or None."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def has_only_fields(known: KnownName, fields: Mapping[str, object]) -> bool:
    """Return whether each argument is one of a tool's, under any of its names."""
    return {*argument_names(known.tool), *_REMARKS}.issuperset(fields)


def argument_names(tool_name: str) -> tuple[str, ...]:
    """Return all names of a tool's arguments; none if the tool is unknown."""
    known = find_name(tool_name)
    if known is None:
        return ()
    names = list(TOOLS[known.tool].model_fields)
    for aliases in _ALIASES[known.tool].values():
        names += aliases
    return (*names, *(_SHELL_FIELDS if known.tool == "bash" else _VIEW_NUMBERS))


def is_view(tool_name: str) -> bool:
    """Return whether a tool's name stands for viewing a file."""
    known = find_name(tool_name)
    return known is not None and known.tool == "edit" and known.command in (None, "view")


def rename(known: KnownName, fields: Fields) -> Fields:
    """Return the arguments under our names, without remarks and empty extras."""
    if known.tool == "edit":
        return _rename_edit(known.command, fields)
    own = tuple(TOOLS[known.tool].model_fields)
    return _renamed(fields, own, _ALIASES[known.tool])


def _rename_edit(command: EditCommand | None, fields: Fields) -> Fields:
    """Return the editor's arguments; which names are understood depends on its command."""
    fields = dict(fields)
    written = fields.pop("command", None)
    if command is None:
        name = str(written).strip().lower() if written is not None else ""
        command = _EDIT_COMMANDS.get(name) or (_infer_command(fields) if not name else None)
    if command is None:
        return {**fields, "command": written}
    if command == "view":
        fields = _with_view_range(fields)
    renamed = _renamed(fields, _EDIT_FIELDS[command], _ALIASES["edit"])
    if command == "view":
        renamed.setdefault("path", ".")
    return {**renamed, "command": command}


def _infer_command(fields: Fields) -> EditCommand:
    """Return what a call of the editor without a command does, by its arguments."""
    names = {name for name, value in fields.items() if value is not None}
    if names.intersection(OLD_TEXT_NAMES):
        return "str_replace"
    if names & {"insert_line", "after_line", "insert_after_line"}:
        return "insert"
    if names & {"file_text", "file_content", "content", "contents"}:
        return "create"
    return "view"


def _with_view_range(fields: Fields) -> Fields:
    """Return the arguments of a view with its line numbers merged into ``view_range``."""
    fields = dict(fields)
    start = _pop_number(fields, _VIEW_START_NAMES)
    line = _pop_number(fields, ("line",))
    end = _pop_number(fields, END_NAMES)
    limit = _pop_number(fields, ("limit",))
    if start is None and line is None and end is None and limit is None:
        return fields
    first = max(1, start or line or 1)
    if end is None and limit is not None:
        end = first + limit - 1
    if end is None and line is not None:
        end = first + _VIEWED_LINES - 1
    fields["view_range"] = [first, -1 if end is None else end]
    return fields


def _pop_number(fields: Fields, names: Sequence[str]) -> int | None:
    """Remove these arguments, and return the first number among them."""
    number: int | None = None
    for name in names:
        if name in fields and number is None:
            number = _as_number(fields[name])
            if number is None and fields[name] is not None:
                continue
        fields.pop(name, None)
    return number


def _as_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    return None


def _renamed(fields: Fields, own: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> Fields:
    """Return the fields under the names ``own``; those that are unknown stay as they are."""
    rest = {name: value for name, value in fields.items() if value is not None}
    renamed: Fields = {}
    for field in own:
        for name in (field, *aliases.get(field, ())):
            if name in rest and (name == field or name not in own):
                renamed[field] = rest.pop(name)
                break
    for name, value in rest.items():
        if name not in _REMARKS and value not in (False, "false", "", [], {}):
            renamed[name] = value
    return renamed


# Conversions to a tool's types


def convert(tool: str, fields: Fields) -> Fields:
    """Convert the arguments to the tool's types: strings, numbers and lists.

    A value that can't be converted stays as it is; validation names it.
    """
    converted = _convert_command(fields) if tool == "bash" else dict(fields)
    for name, value in converted.items():
        conversion = _CONVERSIONS.get(name, _as_text)
        converted[name] = _encodable(conversion(value))
    return converted


def _convert_command(fields: Fields) -> Fields:
    """Convert a shell command's arguments that only other agents' shells have to ours."""
    fields = dict(fields)
    milliseconds = _as_number(fields.pop("timeout_ms", None))
    if milliseconds is not None:
        fields.setdefault("seconds", milliseconds / 1000)
    folder = fields.pop("workdir", None) or fields.pop("cwd", None) or fields.pop("directory", None)
    command = fields.get("command")
    if isinstance(command, list):
        command = _join_words(command)
    if folder and isinstance(folder, str) and isinstance(command, str):
        command = f"cd {shlex.quote(folder)} || exit\n{command}"
    if command is not None:
        fields["command"] = command
    return fields


def _join_words(words: list[Any]) -> object:
    """Return the command of an argument list, such as ``["bash", "-lc", "ls"]``."""
    if not words or not all(isinstance(word, str) for word in words):
        return words
    is_shell = words[0] in _SHELLS and len(words) == 3 and words[1] in ("-c", "-lc", "-cl")
    return words[2] if is_shell else shlex.join(words)


def _as_text(value: object) -> object:
    """Return a number as text, and a list of lines as one text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(line.removesuffix("\n") for line in value)
    return value


def _as_integer(value: object) -> object:
    number = _as_number(value)
    return value if number is None else number


def _as_seconds(value: object) -> object:
    if isinstance(value, str):
        try:
            value = float(value.strip().removesuffix("s"))
        except ValueError:
            return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and value >= _MILLISECONDS_FROM:  # type: ignore[operator]
        return value / 1000  # type: ignore[operator]
    return value


def _as_flag(value: object) -> object:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    return value


def _as_range(value: object) -> object:
    """Return the first and last line of a range, in whatever form it is written."""
    if isinstance(value, Mapping):
        value = list(value.values())
    parts: list[object] = []
    if isinstance(value, str):
        parts = list(_DIGITS.findall(_RANGE_SIGN.sub(" ", value[:100])))
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        parts = [value]
    numbers = [_as_number(part) for part in parts]
    match numbers:
        case [int(first), int(last)]:
            return (max(1, first), last)
        case [int(first)]:
            return (max(1, first), _last_line(value, first))
    return value


_RANGE_SIGN = re.compile(r"(?<=\d)\s*-(?=\s*L?\d)|[Ll](?=\d)")
"""A hyphen between two numbers, which is not a minus sign, and the letter of ``L10-L80``."""


def _last_line(value: object, first: int) -> int:
    """Return the end of a range with one number: ``10-`` extends to the end of the file."""
    is_open = isinstance(value, str) and not value.strip()[-1:].isdigit()
    return -1 if is_open else max(1, first) + _VIEWED_LINES - 1


def _as_tests(value: object) -> object:
    """Return a list of tests, from a list or from text with one or more per line."""
    if not isinstance(value, str):
        return value
    parsed = _inner_list(value)
    if parsed is not None:
        return parsed
    tests: list[str] = []
    for line in value.splitlines():
        tests += _split_tests(line)
    return tests


def _inner_list(text: str) -> list[Any] | None:
    """Return the list that a string holds as JSON, or None."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _split_tests(line: str) -> list[str]:
    """Split a line at blanks and commas that are not between the brackets of a node id."""
    tests: list[str] = []
    start = 0
    depth = 0
    for at, character in enumerate(line):
        if character in "[]":
            depth += 1 if character == "[" else -1
        elif depth <= 0 and character in " ,\t":
            tests.append(line[start:at])
            start = at + 1
    tests.append(line[start:])
    return [test for test in tests if test.strip()]


def _encodable(value: object) -> object:
    """Replace lone surrogates, which neither a file nor an argument of a program can hold."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value


_CONVERSIONS: dict[str, Callable[[object], object]] = {
    "seconds": _as_seconds,
    "insert_line": _as_integer,
    "replace_all": _as_flag,
    "view_range": _as_range,
    "tests": _as_tests,
}
