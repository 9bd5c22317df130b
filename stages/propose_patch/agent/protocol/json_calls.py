"""Calls in JSON, in the shapes of all providers."""

import re
from collections.abc import Mapping

from stages.propose_patch.agent.protocol.fields import has_only_fields
from stages.propose_patch.agent.protocol.names import find_name
from stages.propose_patch.agent.protocol.written import NamedCall

_NAMES = ("tool", "tool_name", "name", "function", "function_name", "action", "recipient_name")
_ARGUMENTS = (
    "arguments",
    "args",
    "parameters",
    "params",
    "input",
    "tool_input",
    "action_input",
    "tool_args",
    "kwargs",
)
_CERTAIN_NAMES = ("tool", "tool_name", "action")
"""Keys that name a tool even if its arguments are beside them in the object."""
_NESTED = ("function", "tool_call", "function_call", "action", "command", "tool")
"""Keys whose value can be a call itself."""
_MAX_CALLS = 1_000


def calls_in(value: object) -> list[NamedCall]:
    """Return the calls that a JSON value consists of; none if it is anything else."""
    if isinstance(value, list):
        calls: list[NamedCall] = []
        for item in value[:_MAX_CALLS]:
            item_calls = _calls_of(item) if isinstance(item, dict) else []
            if not item_calls:
                return []
            calls += item_calls
        return calls
    return _calls_of(value) if isinstance(value, dict) else []


def _calls_of(value: dict[str, object]) -> list[NamedCall]:
    tool_calls = value.get("tool_calls")
    if isinstance(tool_calls, list):
        return calls_in([item for item in tool_calls if isinstance(item, dict)])
    call = _explicit_call(value) or _flat_call(value) or _call_by_key(value)
    if call is not None:
        return [call]
    for key in _NESTED:
        nested = value.get(key)
        if isinstance(nested, dict):
            call = _explicit_call(nested) or _flat_call(nested)
            return [call] if call is not None else []
    return []


def _explicit_call(value: Mapping[str, object]) -> NamedCall | None:
    """Return the call of an object with a name and arguments."""
    name_key = _name_key(value, _NAMES)
    if name_key is None:
        return None
    name = str(value[name_key])
    for key in _ARGUMENTS:
        if key in value and key != "input":
            return name, value[key]
    if "input" in value and (find_name(name) is None or isinstance(value["input"], dict)):
        return name, value["input"]
    return None


def _flat_call(value: Mapping[str, object]) -> NamedCall | None:
    """Return the call of an object with a name among its arguments, or only a command."""
    key = _name_key(value, _NAMES)
    if key is not None:
        name = str(value[key])
        fields = {other: field for other, field in value.items() if other != key}
        is_certain = key in _CERTAIN_NAMES and find_name(name) is not None
        return (name, fields) if is_certain or _fits(name, fields) else None
    for name in ("bash", "edit"):
        if "command" in value and _fits(name, value):
            return name, value
    return None


def _call_by_key(value: Mapping[str, object]) -> NamedCall | None:
    """Return the call of an object such as ``{"bash": {"command": "ls"}}``."""
    if len(value) != 1:
        return None
    name, fields = next(iter(value.items()))
    return (name, fields) if isinstance(fields, dict) and _fits(name, fields) else None


def _name_key(value: Mapping[str, object], keys: tuple[str, ...]) -> str | None:
    """Return the first of the keys whose value is text."""
    return next((key for key in keys if isinstance(value.get(key), str)), None)


def _fits(name: str, fields: Mapping[str, object]) -> bool:
    """Return whether a tool has this name, and all these arguments."""
    known = find_name(name)
    return known is not None and bool(fields) and has_only_fields(known, fields)


def has_call_keys(text: str) -> bool:
    """Return whether text that begins like JSON, but is not valid, is meant as a call."""
    beginning = text[:200]
    named = any(f'"{key}"' in beginning for key in _NAMES)
    return named and any(f'"{key}"' in text[:2_000] for key in _ARGUMENTS)


def name_in(text: str) -> str:
    """Return the name of the tool in JSON that is not valid; empty if there is none."""
    match = _NAME.search(text)
    return match["name"] if match is not None else ""


_NAME = re.compile(rf'"(?:{"|".join(_NAMES)})"\s*:\s*"(?P<name>[^"\n]{{1,80}})"')
