"""OpenAI's Responses API, where a model sees its earlier reasoning as encrypted items.

Nothing is stored at the provider: each request holds the conversation whole
(https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items). A reasoning item is
valid only before the item that it led to, so a reply's ``reasoning`` lists all of its items in
order: reasoning as it came, and places for the message and the calls, whose texts are stored in the
reply itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from pipeline.model import Message, ModelRequest, ToolCall, ToolSpec
from pipeline.model.answer import Answer, call_id, storable
from pipeline.model.capabilities import ModelProfile, merge
from pipeline.model.conversation import conversation_for
from pipeline.model.failures import Failure, ModelError
from pipeline.model.finish_reasons import to_finish_reason
from pipeline.model.price import Usage

#: Fields of a message item that must come back: whether it is a comment or the final answer.
_MESSAGE_FIELDS = ("phase",)


def arguments(request: ModelRequest, profile: ModelProfile) -> dict[str, Any]:
    """Return the arguments of ``litellm.aresponses``."""
    messages = conversation_for(
        request.model, request.messages, keeps_reasoning=profile.keeps_reasoning
    )
    sent: dict[str, Any] = {
        "model": request.model,
        "input": [item for message in messages for item in _items(message)],
        "max_output_tokens": request.max_tokens,
        "store": False,
    }
    if profile.keeps_reasoning:
        sent["include"] = ["reasoning.encrypted_content"]
    effort = profile.effort_for(request.use, request.effort)
    if effort is not None:
        sent["reasoning"] = {"effort": effort}
    if request.tools:
        sent["tools"] = [_tool(spec) for spec in request.tools]
    temperature = profile.temperature_for(request.temperature)
    if temperature is not None:
        sent["temperature"] = temperature
    return merge(sent, profile.extra)


def _tool(spec: ToolSpec) -> dict[str, Any]:
    return {"type": "function", "strict": False, **spec.model_dump()}


def _items(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        yield {
            "type": "function_call_output",
            "call_id": message.tool_call_id,
            "output": message.content,
        }
    elif message.role == "assistant":
        yield from _reply_items(message)
    else:
        yield {"role": message.role, "content": message.content}


def _reply_items(message: Message) -> Iterator[dict[str, Any]]:
    """Return the reply's items in their order; those without a place in it come last."""
    calls = {call.id: call for call in message.tool_calls}
    text = message.content
    for block in message.reasoning:
        if block["type"] == "reasoning":
            yield block
        elif block["type"] == "message" and text:
            fields = {name: block[name] for name in _MESSAGE_FIELDS if name in block}
            yield {"role": "assistant", "content": text, **fields}
            text = ""
        elif block["type"] == "function_call" and block["call_id"] in calls:
            yield _call(calls.pop(block["call_id"]))
    if text:
        yield {"role": "assistant", "content": text}
    for call in calls.values():
        yield _call(call)


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def read(response: Any) -> Answer:
    """Read what ``litellm.aresponses`` returned.

    Raises:
        ModelError: the provider began to answer and failed.
    """
    if response.status in ("failed", "cancelled"):
        message = (_as_dict(response.error) or {}).get("message") or "no reason given"
        raise ModelError(Failure.OVERLOAD, message, charged=True)
    items = [_as_dict(item) for item in response.output]
    calls = tuple(_read_call(item) for item in items if item["type"] == "function_call")
    refusal = "".join(_parts(items, "refusal"))
    counts = _as_dict(response.usage) or {}
    return Answer(
        content="".join(_parts(items, "output_text")) or refusal,
        tool_calls=calls,
        reasoning=storable(list(_places(items))),
        reasoning_text="\n\n".join(_summaries(items)),
        finish_reason=_finish_reason(response, calls, refusal),
        usage=_usage(counts),
        reasoning_tokens=(counts.get("output_tokens_details") or {}).get("reasoning_tokens") or 0,
    )


def _read_call(item: dict[str, Any]) -> ToolCall:
    return ToolCall(
        id=call_id(item.get("call_id")),
        name=item.get("name") or "",
        arguments=item.get("arguments") or "",
    )


def _parts(items: Iterable[dict[str, Any]], kind: str) -> Iterator[str]:
    """Return the texts of the messages' parts of one kind, ``output_text`` or ``refusal``."""
    for item in items:
        if item["type"] != "message":
            continue
        for part in item.get("content") or ():
            if part["type"] == kind:
                yield part["text" if kind == "output_text" else kind]


def _summaries(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        if item["type"] == "reasoning":
            for part in item.get("summary") or ():
                yield part["text"]


def _places(items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return the blocks of ``ModelReply.reasoning``.

    Reasoning at the end of a reply that was cut off led to nothing and would be refused. So would
    an item without its content, since the provider would look it up.
    """
    pending: list[dict[str, Any]] = []
    for item in items:
        match item["type"]:
            case "reasoning":
                if item.get("encrypted_content"):
                    pending.append(item)
                continue
            case "message":
                fields = {name: item[name] for name in _MESSAGE_FIELDS if name in item}
                place = {"type": "message", **fields}
            case "function_call":
                place = {"type": "function_call", "call_id": item.get("call_id")}
            case _:
                continue
        yield from pending
        yield place
        pending = []


def _finish_reason(response: Any, calls: Sequence[ToolCall], refusal: str) -> str:
    if refusal:
        return "refusal"
    if response.status == "incomplete":
        reason = (_as_dict(response.incomplete_details) or {}).get("reason") or "incomplete"
        return "content_filter" if to_finish_reason(reason) == "content_filter" else "length"
    return "tool_calls" if calls else "stop"


def _usage(counts: dict[str, Any]) -> Usage:
    details = counts.get("input_tokens_details") or {}
    return Usage(
        prompt_tokens=counts.get("input_tokens") or 0,
        completion_tokens=counts.get("output_tokens") or 0,
        cached_tokens=details.get("cached_tokens") or 0,
        cache_write_tokens=details.get("cache_write_tokens") or 0,
    )


def _as_dict(value: Any) -> Any:
    """Return a pydantic object of litellm's as plain data, without fields that are not set."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    return value
