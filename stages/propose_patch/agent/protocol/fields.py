"""Name the arguments of a call as our tools do.

Models confuse names (``file_path`` for ``path``), and pass one value instead of an object with
fields.
"""

import json
from collections.abc import Mapping, Sequence

from repository.edits.argument_names import (
    END_NAMES,
    FILE_TEXT_NAMES,
    INSERT_NAMES,
    NEW_TEXT_NAMES,
    OLD_TEXT_NAMES,
    PATH_NAMES,
    START_NAMES,
    WHOLE_FILE_NAMES,
)
from stages.propose_patch.agent.protocol.conversions import (
    SHELL_FIELDS,
    VIEWED_LINES,
    Fields,
    as_number,
)
from stages.propose_patch.agent.protocol.names import KnownName, find_name
from stages.propose_patch.agent.protocol.tools import TOOLS, EditCommand

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
    "reply": "text",
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
        "title": ("headline", "subject"),
    },
    "needs_info": {"what": ("question", "info", "message", "reason", "body", "text", "missing")},
    "no_change_needed": {"why": ("reason", "message", "body", "text", "summary")},
    "reply": {
        "comment": ("comment_id", "comment_name", "id", "name", "to"),
        "text": ("answer", "body", "content", "message", "reply"),
    },
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
    return (*names, *(SHELL_FIELDS if known.tool == "bash" else _VIEW_NUMBERS))


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
    if names.intersection(WHOLE_FILE_NAMES):
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
        end = first + VIEWED_LINES - 1
    fields["view_range"] = [first, -1 if end is None else end]
    return fields


def _pop_number(fields: Fields, names: Sequence[str]) -> int | None:
    """Remove these arguments, and return the first number among them."""
    number: int | None = None
    for name in names:
        if name in fields and number is None:
            number = as_number(fields[name])
            if number is None and fields[name] is not None:
                continue
        fields.pop(name, None)
    return number


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
