"""A conversation as one model may see it.

A conversation can change its model, for example when a fallback answers. A provider refuses what
another one wrote for its own use.
"""

import json
from collections.abc import Sequence
from typing import Any

from pipeline.model import Message, ToolCall

#: Sent for a reply without text and calls, since providers refuse an empty message.
EMPTY_REPLY = "(empty reply)"


def conversation_for(
    model: str, messages: Sequence[Message], *, keeps_reasoning: bool
) -> tuple[Message, ...]:
    """Return the messages as ``model`` may see them.

    The reasoning of other models is left out, and so is that of a reply without text and calls.
    So is text that is only whitespace, which Anthropic refuses. Calls of other models get new
    identifiers, and arguments that are not a JSON object are wrapped in one, since some providers
    parse them.
    """
    ids = _call_ids(model, messages)
    visible = []
    for message in messages:
        if message.role == "assistant":
            message = _visible_reply(message, ids, model, keeps_reasoning)
        elif message.tool_call_id is not None:
            call_id = ids.get(message.tool_call_id, message.tool_call_id)
            message = message.model_copy(update={"tool_call_id": call_id})
        visible.append(message)
    return tuple(visible)


def _visible_reply(
    message: Message, ids: dict[str, str], model: str, keeps_reasoning: bool
) -> Message:
    has_text = bool(message.content.strip())
    is_empty = not has_text and not message.tool_calls
    is_own = message.model == model
    calls = [
        ToolCall(id=ids[call.id], name=call.name, arguments=_as_json_object(call.arguments))
        for call in message.tool_calls
    ]
    update: dict[str, Any] = {"tool_calls": tuple(calls)}
    if not has_text:
        update["content"] = EMPTY_REPLY if is_empty else ""
    if is_empty or not is_own or not keeps_reasoning:
        update["reasoning"] = ()
    return message.model_copy(update=update)


def _call_ids(model: str, messages: Sequence[Message]) -> dict[str, str]:
    """Return the identifier to send for each call; only those of other models are replaced.

    The new ones are nine letters and digits, which is all that the strictest provider accepts
    (Mistral, https://docs.mistral.ai/capabilities/function_calling).
    """
    ids: dict[str, str] = {}
    for message in messages:
        for call in message.tool_calls:
            is_own = message.model == model
            ids[call.id] = call.id if is_own else f"call{len(ids):05d}"
    return ids


def _as_json_object(arguments: str) -> str:
    try:
        is_object = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        is_object = False
    if is_object:
        return arguments
    return json.dumps({"invalid_arguments": arguments}) if arguments.strip() else "{}"
