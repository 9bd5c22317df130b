"""Parse the text between the tags of a call or of an argument."""

import re

from repository.edits.argument_names import PATH_NAMES, WHOLE_FILE_NAMES
from repository.json_reader import InvalidJson, decode
from stages.propose_patch.agent.protocol.fields import MAIN_FIELD, argument_names, is_view
from stages.propose_patch.agent.protocol.names import find_name
from stages.propose_patch.agent.protocol.written import SHELLS, Unreadable

INVALID_JSON = "The arguments are not valid JSON."
LIKE_JSON = re.compile(r'\s*\{\s*"\w{1,80}"\s*:')
_FENCE = re.compile(r"\s*(?P<mark>`{3,})(?P<language>\w*)[ \t]*\n")
_FENCE_LANGUAGES = ("", *SHELLS, "json", "text", "diff", "patch")
_FIELD_LINE = re.compile(r"(?P<name>\w{1,40})[ \t]*:[ \t]*(?P<value>[^\n]*)")


def value_of(text: str, name: str) -> str:
    """Return an argument's value without the line feeds that only separate it from its tags.

    Only a value that begins on a line of its own has them. The text of a file keeps its last line
    feed.
    """
    first, line_feed, rest = text.partition("\n")
    if first.strip() or not line_feed:
        return text
    value, _, last = rest.rpartition("\n")
    if last.strip():
        return rest
    return f"{value}\n" if name in WHOLE_FILE_NAMES else value


def arguments_of(tool: str, attributes: dict[str, object], text: str) -> object:
    """Return the arguments of a call from its attributes and its body.

    The body is JSON, lines of ``name: value``, or the value of the tool's main argument.

    Raises:
        Unreadable: the body begins like JSON, but is not valid.
    """
    body = _without_fence(value_of(text, ""))
    fields = _json_object(body)
    if fields is None and is_view(tool):
        fields = _fields_by_line(tool, body)
    if fields is not None:
        return {**attributes, **fields}
    if not attributes:
        return body
    if not body.strip():
        return attributes
    return {**attributes, _body_field(tool, attributes): body}


def _without_fence(body: str) -> str:
    """Return the content of a code fence that is the whole body; any other body unchanged."""
    fence = _FENCE.match(body)
    if fence is None or fence["language"].lower() not in _FENCE_LANGUAGES:
        return body
    content, _, last = body[fence.end() :].rstrip().rpartition("\n")
    return content if last.strip() == fence["mark"] else body


def _json_object(body: str) -> dict[str, object] | None:
    if not LIKE_JSON.match(body):
        return None
    text = body.strip()
    try:
        value, end = decode(text, 0)
    except InvalidJson:
        raise Unreadable(INVALID_JSON) from None
    if not isinstance(value, dict) or end != len(text):
        raise Unreadable(INVALID_JSON)
    return value


def _fields_by_line(tool: str, body: str) -> dict[str, object] | None:
    names = argument_names(tool)
    fields: dict[str, object] = {}
    for line in body.strip().split("\n"):
        match = _FIELD_LINE.fullmatch(line.strip())
        if match is None or match["name"] not in names:
            return None
        fields[match["name"]] = match["value"].strip()
    return fields


def _body_field(tool: str, attributes: dict[str, object]) -> str:
    """Return the name of the argument that the body of a call with attributes holds."""
    known = find_name(tool)
    if known is None:
        return "body"
    if known.tool == "edit" and not attributes.keys().isdisjoint(PATH_NAMES):
        return "file_text"
    return MAIN_FIELD[known.tool]
