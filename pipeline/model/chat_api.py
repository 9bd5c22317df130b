"""Chat Completions, and what litellm maps to it: Anthropic, Gemini, Bedrock and others.

A reply's reasoning is stored as blocks:

    thinking, redacted_thinking   Anthropic's own blocks, with their signatures
    text, tool_use                places of the reply's texts and calls between those blocks, where
                                  the order is not thinking, text, calls
    reasoning_content             text that must come back as a field of the message
    reasoning_details             OpenRouter's blocks, with the signatures of the model's provider
    thought_signatures            Gemini's signatures of the message's parts
    call_signature                Gemini's signature of one tool call
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipeline.model import Message, ModelRequest, ToolCall, ToolSpec
from pipeline.model.answer import Answer, call_id, storable
from pipeline.model.capabilities import ModelProfile, merge
from pipeline.model.conversation import conversation_for
from pipeline.model.failures import Failure, ModelError
from pipeline.model.finish_reasons import to_finish_reason
from pipeline.model.litellm_library import ORIGINAL_BLOCKS
from pipeline.model.prices import read_usage
from pipeline.model.signed_thinking import (
    THINKING_BLOCKS,
    has_places,
    parts_in_order,
    with_places,
)

#: Anthropic accepts four marks at most (docs.litellm.ai, "Prompt Caching").
_MAX_MARKS = 4
_CACHED = {"type": "ephemeral"}
#: Anthropic accepts no smaller budget
#: (https://docs.claude.com/en/docs/build-with-claude/extended-thinking).
_MIN_THINKING = 1_024
#: litellm appends a Gemini signature to a call's identifier after this.
_SIGNATURE_SEPARATOR = "__thought__"


def arguments(request: ModelRequest, profile: ModelProfile, *, marked: bool) -> dict[str, Any]:
    """Return the arguments of ``litellm.acompletion``; ``marked`` adds marks for the cache."""
    thinking = _thinking(request, profile)
    keeps_reasoning = profile.keeps_reasoning
    if profile.thinking_tokens is not None and "thinking" not in thinking:
        keeps_reasoning = False  # signed blocks are refused if thinking is off
    messages = conversation_for(request.model, request.messages, keeps_reasoning=keeps_reasoning)
    sent: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(messages, marked=marked),
        "max_tokens": request.max_tokens,
        **thinking,
    }
    if request.tools:
        sent["tools"] = [_tool(spec) for spec in request.tools]
    temperature = profile.temperature_for(request.temperature)
    if temperature is not None:
        sent["temperature"] = temperature
    return merge(sent, profile.extra)


def _thinking(request: ModelRequest, profile: ModelProfile) -> dict[str, Any]:
    effort = profile.effort_for(request.use, request.effort)
    if effort is None:
        return {}
    if profile.thinking_tokens is None:
        return {"reasoning_effort": effort}
    if effort == "none" or not _may_think(request):
        return {}
    others = min if effort == "minimal" else max
    tokens = profile.thinking_tokens.get(effort, others(profile.thinking_tokens.values()))
    tokens = min(tokens, (request.max_tokens or 0) // 2)
    if tokens < _MIN_THINKING:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def _may_think(request: ModelRequest) -> bool:
    """Return whether a model with signed thinking can think in the middle of this conversation.

    Anthropic requires that the last tool calls follow a thinking block, which those of another
    model don't.
    """
    for message in reversed(request.messages):
        if message.role != "assistant":
            continue
        if message.model == request.model and message.reasoning:
            return True
        if message.model != request.model and message.tool_calls:
            return False
    return not any(message.tool_calls for message in request.messages)


def _tool(spec: ToolSpec) -> dict[str, Any]:
    return {"type": "function", "function": spec.model_dump()}


def _messages(messages: Sequence[Message], *, marked: bool) -> list[dict[str, Any]]:
    reused = [index for index, message in enumerate(messages) if message.reused]
    marked_indexes = reused[-_MAX_MARKS:] if marked else []
    sent = []
    for index, message in enumerate(messages):
        if has_places(message):
            sent += [_message(part, marked=False) for part in parts_in_order(message)]
        else:
            sent.append(_message(message, marked=index in marked_indexes))
    return sent


def _message(message: Message, *, marked: bool) -> dict[str, Any]:
    sent = {"role": message.role, "content": message.content, **_call_fields(message)}
    if marked and message.role == "tool":
        sent["cache_control"] = _CACHED
    elif marked and message.content:
        sent["content"] = [{"type": "text", "text": message.content, "cache_control": _CACHED}]
    elif message.tool_calls and not message.content:
        sent["content"] = None
    return sent


def _call_fields(message: Message) -> dict[str, Any]:
    """Return the fields of tool calls, of their results, and of reasoning."""
    fields: dict[str, Any] = {}
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        fields["tool_calls"] = [_call(call, message.reasoning) for call in message.tool_calls]
    thinking = [block for block in message.reasoning if block["type"] in THINKING_BLOCKS]
    if thinking:
        fields["thinking_blocks"] = thinking
    for block in message.reasoning:
        if block["type"] == "reasoning_content":
            fields["reasoning_content"] = block["text"]
        if block["type"] == "reasoning_details":
            fields["reasoning_details"] = block["details"]
        if block["type"] == "thought_signatures":
            fields["provider_specific_fields"] = {"thought_signatures": block["signatures"]}
    return fields


def _call(call: ToolCall, reasoning: Iterable[dict[str, Any]]) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    sent: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    for block in reasoning:
        if block["type"] == "call_signature" and block["call_id"] == call.id:
            sent["provider_specific_fields"] = {"thought_signature": block["signature"]}
    return sent


def read(response: Any) -> Answer:
    """Read what ``litellm.acompletion`` returned.

    Raises:
        ModelError: the provider began to answer and failed.
    """
    choice = response.choices[0]
    message = choice.message
    finish_reason = to_finish_reason(choice.finish_reason or "")
    if finish_reason == "error":
        raise ModelError(Failure.OVERLOAD, "the reply ended with an error", charged=True)
    refusal = _fields(message).get("refusal")
    raw_calls = list(_field(message, "tool_calls") or [])
    calls = tuple(_read_call(raw) for raw in raw_calls)
    reasoning = [
        *_reasoning(message, response._hidden_params.get(ORIGINAL_BLOCKS)),
        *_signatures(message, raw_calls, calls),
    ]
    usage = _field(response, "usage")
    details = _field(usage, "completion_tokens_details")
    return Answer(
        content=message.content or refusal or "",
        tool_calls=calls,
        reasoning=storable(reasoning),
        reasoning_text=_field(message, "reasoning_content") or "",
        finish_reason="refusal" if refusal else finish_reason,
        usage=read_usage(usage),
        reasoning_tokens=_field(details, "reasoning_tokens") or 0,
    )


def _read_call(raw: Any) -> ToolCall:
    written_id = raw.id or ""
    return ToolCall(
        id=call_id(written_id.partition(_SIGNATURE_SEPARATOR)[0]),
        name=raw.function.name or "",
        arguments=raw.function.arguments or "",
    )


def _reasoning(message: Any, original: object) -> list[dict[str, Any]]:
    """Return the reply's reasoning; ``original`` are its blocks, if litellm has them."""
    details = _fields(message).get("reasoning_details")
    if details:
        return [{"type": "reasoning_details", "details": details}]
    thinking = [dict(block) for block in _field(message, "thinking_blocks") or []]
    if thinking:
        return with_places(thinking, original)
    text = _field(message, "reasoning_content")
    return [{"type": "reasoning_content", "text": text}] if text else []


def _signatures(
    message: Any, raw_calls: Sequence[Any], calls: Sequence[ToolCall]
) -> Iterator[dict[str, Any]]:
    """Return Gemini's signatures of the message and of its calls."""
    signatures = _fields(message).get("thought_signatures")
    if signatures:
        yield {"type": "thought_signatures", "signatures": list(signatures)}
    for raw, call in zip(raw_calls, calls, strict=True):
        signature = _signature(raw)
        if signature:
            yield {"type": "call_signature", "call_id": call.id, "signature": signature}


def _signature(raw: Any) -> str | None:
    signature = _fields(raw).get("thought_signature")
    if signature:
        return str(signature)
    written_id = raw.id or ""
    return written_id.partition(_SIGNATURE_SEPARATOR)[2] or None


def _fields(owner: Any) -> dict[str, Any]:
    """Return the fields that litellm passes on from a single provider."""
    return _field(owner, "provider_specific_fields") or {}


def _field(owner: Any, name: str) -> Any:
    """Return an attribute that litellm removes if the provider did not send it; else None."""
    return getattr(owner, name, None)
