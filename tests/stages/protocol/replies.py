"""Replies of a model for the tests of the protocol."""

import json

from pipeline.model import ModelReply, ToolCall
from stages.propose_patch.agent.protocol import BadCall, Call, Tool, read_calls


def text_reply(content: str, *, finish_reason: str = "stop") -> ModelReply:
    return _reply(content, (), finish_reason)


def native_reply(*calls: tuple[str, object], finish_reason: str = "tool_calls") -> ModelReply:
    """Return a reply with these calls; arguments other than strings are encoded as JSON."""
    tool_calls: list[ToolCall] = []
    for number, (name, arguments) in enumerate(calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        tool_calls.append(ToolCall(id=f"call-{number}", name=name, arguments=text))
    return _reply("", tuple(tool_calls), finish_reason)


def _reply(content: str, calls: tuple[ToolCall, ...], finish_reason: str) -> ModelReply:
    return ModelReply(
        content=content,
        tool_calls=calls,
        finish_reason=finish_reason,
        model="model",
        prompt_tokens=0,
        completion_tokens=0,
        cost_usd=0.0,
    )


def tools_in(content: str) -> list[Tool]:
    """Return the tools that a text calls; none of its calls may be bad."""
    calls = read_calls(text_reply(content), "text")
    assert not [call for call in calls if isinstance(call, BadCall)]
    return [call.tool for call in calls if isinstance(call, Call)]


def native_tool(name: str, arguments: object) -> Tool:
    """Return the tool that a native call means; it may not be bad."""
    (call,) = read_calls(native_reply((name, arguments)), "native")
    assert isinstance(call, Call), call
    return call.tool


def bad_calls(reply: ModelReply) -> list[BadCall]:
    calls = read_calls(reply, "native" if reply.tool_calls else "text")
    return [call for call in calls if isinstance(call, BadCall)]
