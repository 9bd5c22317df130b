"""The calls in a model's reply, in order."""

import json
import re
from dataclasses import dataclass

from pipeline.model import ModelReply, ToolCall
from repository.edits.readers import read_reply
from repository.edits.readers.thoughts import without_thoughts
from stages.propose_patch.agent.protocol.arguments import (
    InvalidCall,
    explain_with_example,
    interpret,
)
from stages.propose_patch.agent.protocol.examples import Protocol
from stages.propose_patch.agent.protocol.names import MAX_NAME
from stages.propose_patch.agent.protocol.scanner import scan
from stages.propose_patch.agent.protocol.tools import Tool
from stages.propose_patch.agent.protocol.written import WrittenCall
from stages.propose_patch.replies import find_missing_info

#: Maximum number of calls that are carried out from one reply.
MAX_CALLS = 50
#: Maximum length of a reply in characters; no model writes more at once.
MAX_REPLY = 1_000_000
INLINE = "A call is carried out only if it starts at the beginning of a line."
NOT_WHOLE = "The reply was not whole, so this call was not carried out."
NOT_CARRIED_OUT = "Neither the call nor anything after it was carried out."
_INLINE_CALL = re.compile(
    r"(?<=[\w.:!?] )<(?:tool|invoke|function)(?:\s+name\s*)?=\s*[\"']?(?P<name>[\w.-]{1,80})"
)


@dataclass(frozen=True)
class Call:
    """A call that can be carried out."""

    tool: Tool
    call_id: str | None
    """The ID of a native call; None if the call is in the text."""


@dataclass(frozen=True)
class BadCall:
    """A call, or an attempt at one, that can't be carried out."""

    name: str
    error: str
    """Why it can't be carried out, with an example of a valid call."""
    call_id: str | None


def read_calls(reply: ModelReply, protocol: Protocol) -> tuple[Call | BadCall, ...]:
    """Return the calls of a reply in order; none if the reply is only prose.

    If there are no native calls, those in the text are returned, whatever the protocol. Of a reply
    that is not whole, only the native calls are returned, since each must be answered.
    """
    if not reply.is_whole:
        return tuple(BadCall(call.name[:MAX_NAME], NOT_WHOLE, call.id) for call in reply.tool_calls)
    native = _read_native(reply)
    return native or _read_text(reply, protocol)


def has_edits_beside_calls(reply: ModelReply) -> bool:
    """Whether a reply with calls has edits outside of them, which nothing applies."""
    if not reply.is_whole or len(reply.content) > MAX_REPLY:
        return False
    result = scan(_answer(reply))
    if not (reply.tool_calls or result.calls):
        return False
    return bool(read_reply(result.prose).edits)


def _read_text(reply: ModelReply, protocol: Protocol) -> tuple[Call | BadCall, ...]:
    """Return the calls in a reply's text; if there are none, the one that its prose implies."""
    if len(reply.content) > MAX_REPLY:
        problem = f"The reply has {len(reply.content)} characters; at most {MAX_REPLY} are read."
        return (BadCall(name="", error=problem, call_id=None),)
    text = _answer(reply)
    result = scan(text)
    outside_fences = [call for call in result.calls if not call.fenced]
    calls = [_make_written_call(call, protocol) for call in outside_fences or result.calls]
    if calls:
        return tuple(calls[:MAX_CALLS])
    call = _read_prose(text, protocol)
    return (call,) if call is not None else ()


def _read_prose(text: str, protocol: Protocol) -> Call | BadCall | None:
    """Return the call that prose implies, such as one with its edits; None if it implies none."""
    if read_reply(text).edits:
        return _make_call("apply_patch", text, protocol, None)
    missing = find_missing_info(text)
    if missing is not None:
        return _make_call("needs_info", {"what": missing}, protocol, None)
    inline = _INLINE_CALL.search(text)
    return _bad_call(inline["name"], INLINE, {}, protocol, None) if inline is not None else None


def _make_written_call(call: WrittenCall, protocol: Protocol) -> Call | BadCall:
    if not call.problem:
        return _make_call(call.name, call.arguments, protocol, None)
    problem = f"{call.problem} {NOT_CARRIED_OUT}"
    return _bad_call(call.name, problem, call.arguments, protocol, None)


def _answer(reply: ModelReply) -> str:
    """Return a reply's text without the model's thoughts, its line endings converted to LF if all
    of them are CR LF.
    """
    text = without_thoughts(reply.content)
    crlf = text.count("\r\n")
    return text.replace("\r\n", "\n") if crlf and crlf == text.count("\n") else text


def _read_native(reply: ModelReply) -> tuple[Call | BadCall, ...]:
    calls: list[Call | BadCall] = []
    for call in reply.tool_calls:
        if len(calls) >= MAX_CALLS:
            problem = f"Only the first {MAX_CALLS} calls of a reply are carried out."
            calls.append(BadCall(name=call.name, error=problem, call_id=call.id))
        else:
            calls.append(_read_native_call(call))
    return tuple(calls)


def _read_native_call(call: ToolCall) -> Call | BadCall:
    try:
        arguments = _decode(call.arguments)
    except InvalidCall as error:
        return _bad_call(call.name, str(error), {}, "native", call.id)
    return _make_call(call.name, arguments, "native", call.id)


def _decode(arguments: str) -> object:
    """Return the value of JSON arguments; text that is not meant as JSON is returned unchanged.

    Raises:
        InvalidCall: they are meant as JSON, but are not valid.
    """
    if not arguments.strip():
        return {}
    try:
        return json.loads(arguments, strict=False)
    except (ValueError, RecursionError) as error:
        if arguments.lstrip()[:1] in ("{", "[", '"'):
            raise InvalidCall(f"The arguments are not valid JSON: {error}.") from None
        return arguments


def _make_call(
    name: str, arguments: object, protocol: Protocol, call_id: str | None
) -> Call | BadCall:
    try:
        return Call(tool=interpret(name, arguments), call_id=call_id)
    except InvalidCall as error:
        return _bad_call(name, str(error), arguments, protocol, call_id)


def _bad_call(
    name: str, problem: str, arguments: object, protocol: Protocol, call_id: str | None
) -> BadCall:
    error = explain_with_example(name, problem, arguments, protocol)
    return BadCall(name=name[:MAX_NAME], error=error, call_id=call_id)
