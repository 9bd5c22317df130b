"""Convert the arguments of a call to the tool's types.

Models write numbers and lists as strings, and pass one value instead of a list.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, Any]

_DIGITS = re.compile(r"-?\d{1,9}")
_MILLISECONDS_FROM = 5_000
"""From this value on, a time limit is in milliseconds, as some models are trained to write it."""
_SHELLS = ("bash", "sh", "zsh", "/bin/bash", "/bin/sh", "/usr/bin/bash")
_FOLDER_FIELDS = ("workdir", "cwd", "directory")
_MILLISECONDS_FIELD = "timeout_ms"
SHELL_FIELDS = (*_FOLDER_FIELDS, _MILLISECONDS_FIELD)
"""Arguments that only other agents' shells have."""
VIEWED_LINES = 100
"""Number of lines in a view for which only the first line is named."""


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
    milliseconds = as_number(fields.pop(_MILLISECONDS_FIELD, None))
    if milliseconds is not None:
        fields.setdefault("seconds", milliseconds / 1000)
    folders = [fields.pop(name, None) for name in _FOLDER_FIELDS]
    folder = next(filter(None, folders), None)
    command = fields.get("command")
    if isinstance(command, list):
        command = _join_words(command)
    if isinstance(folder, str) and isinstance(command, str):
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
    number = as_number(value)
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
    numbers = [as_number(part) for part in parts]
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
    return -1 if is_open else max(1, first) + VIEWED_LINES - 1


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


def as_number(value: object) -> int | None:
    """Return an integer, also one that is written as text; None for any other value."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    return None
