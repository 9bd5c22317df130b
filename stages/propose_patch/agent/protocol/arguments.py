"""Convert a call as a model wrote it to a tool with valid arguments."""

import json
import re
from collections.abc import Mapping

from pydantic import ValidationError

from pipeline.job import explain
from prompts.filters import clip
from repository.edits.argument_names import PATH_NAMES
from repository.edits.readers import read_reply
from stages.propose_patch.agent.protocol.conversions import convert
from stages.propose_patch.agent.protocol.examples import Protocol, example
from stages.propose_patch.agent.protocol.fields import named_fields, rename
from stages.propose_patch.agent.protocol.names import MAX_NAME, KnownName, find_name
from stages.propose_patch.agent.protocol.searches import search_command
from stages.propose_patch.agent.protocol.tools import (
    ADVERTISED,
    TOOLS,
    ApplyEdits,
    Bash,
    Submit,
    Tool,
)

_PATCH_COMMAND = re.compile(
    r"\s*apply_patch[ \t]+<<-?[ \t]*(?P<quote>['\"]?)(?P<end>\w{1,80})(?P=quote)[ \t]*"
)
"""The first line of a shell command that passes a patch as a here-document."""


class InvalidCall(Exception):
    """A call can't be carried out; the text says why."""


def interpret(name: str, arguments: object) -> Tool:
    """Return the tool that a call names, with its arguments.

    Args:
        name: the tool's name as the model wrote it.
        arguments: a JSON value, or the text of a call without named arguments.

    Raises:
        InvalidCall: there is no such tool, or its arguments are not valid.
    """
    known = find_name(name)
    if known is None:
        return _interpret_search(name, arguments)
    fields = named_fields(known.tool, arguments)
    if known.tool == "edit":
        edits = _edits_in(fields, arguments)
        if edits is not None:
            return ApplyEdits(text=edits)
    argv = fields.get("command")
    if known.tool == "bash" and isinstance(argv, list) and argv[:1] == ["apply_patch"]:
        return _validate(KnownName("apply_patch"), {"text": "\n".join(map(str, argv[1:]))})
    tool = _validate(known, fields)
    return _reinterpret(tool) if isinstance(tool, Bash) else tool


def _interpret_search(name: str, arguments: object) -> Bash:
    """Return the command for a call of a search tool, which only other agents have.

    Raises:
        InvalidCall: it is no such tool.
    """
    search = search_command(name, arguments)
    if search is not None:
        return Bash(command=search)
    names = ", ".join(kind.name for kind in ADVERTISED)
    raise InvalidCall(f"There is no tool {clip(name, MAX_NAME)!r}. The tools are: {names}.")


def _validate(known: KnownName, fields: dict[str, object]) -> Tool:
    converted = convert(known.tool, rename(known, fields))
    try:
        return TOOLS[known.tool].model_validate(converted)
    except ValidationError as error:
        # Without a field, pydantic's message is about the arguments as a whole.
        reason = explain(error).removeprefix("message: ")
        problem = f"The arguments of {known.tool} are not valid: {reason}."
        raise InvalidCall(problem) from None


def _edits_in(fields: Mapping[str, object], arguments: object) -> str | None:
    """Return the edits in an editor's call with a patch, blocks or a list; None if it has none."""
    if isinstance(arguments, str):
        return arguments if read_reply(arguments).edits else None
    if isinstance(fields.get("edits"), list):
        call = json.dumps({"name": "edit", "arguments": dict(fields)})
        return call if read_reply(call).edits else None
    for name in ("diff", "patch"):
        patch = fields.get(name)
        if isinstance(patch, str):
            path = next((fields[alias] for alias in PATH_NAMES if fields.get(alias)), "")
            return f"{path}\n{patch}"
    return None


def _reinterpret(call: Bash) -> Tool:
    """Replace a command that only other agents' shells have by the tool for it."""
    if call.command.strip() == "submit":
        return Submit()
    patch = _patch_of(call.command)
    return ApplyEdits(text=patch) if patch else call


def _patch_of(command: str) -> str | None:
    """Return the here-document of a command that only runs ``apply_patch`` with one, or None."""
    first, _, rest = command.partition("\n")
    opening = _PATCH_COMMAND.fullmatch(first)
    if opening is None:
        return None
    lines = rest.rstrip().split("\n")
    end = opening["end"]
    if lines[-1] != end or end in lines[:-1]:
        return None
    return "\n".join(lines[:-1])


def explain_with_example(name: str, problem: str, arguments: object, protocol: Protocol) -> str:
    """Return the problem with a call, then an example of its tool (of bash if it is unknown)."""
    known = find_name(name) or KnownName("bash")
    command: str = known.command or ""
    if not command and isinstance(arguments, Mapping):
        command = str(arguments.get("command", ""))
    introduction = "For example:"
    if protocol == "native":
        introduction = f"For example, arguments of {known.tool}:"
    return f"{problem} {introduction}\n\n{example(known.tool, protocol, command)}"
