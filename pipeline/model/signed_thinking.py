"""The order of Anthropic's signed thinking among a reply's texts and calls.

A model may think again between two calls of one reply. A signature is valid only at its place
(https://docs.claude.com/en/docs/build-with-claude/extended-thinking): in another order, the next
request is refused. litellm separates a reply into thinking, text and calls, in this order, and
joins adjacent replies of a request in their order.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.model import Message, ToolCall

THINKING_BLOCKS = ("thinking", "redacted_thinking")
_PLACES = ("text", "tool_use")


def with_places(thinking: Sequence[dict[str, Any]], original: object) -> list[dict[str, Any]]:
    """Return the blocks to store: thinking, with the places of texts and calls if necessary.

    Args:
        thinking: the reply's thinking, in its order.
        original: all blocks of the reply as the provider sent them, if litellm has them. Without
            them, the places of several signed blocks are unknown, so such blocks are left out.
    """
    if not isinstance(original, list):
        signed = [block for block in thinking if block.get("signature") or "data" in block]
        return list(thinking) if len(signed) < 2 else []
    is_thinking = [block["type"] in THINKING_BLOCKS for block in original]
    if is_thinking == sorted(is_thinking, reverse=True):
        return list(thinking)
    return [_block_or_place(block) for block in original]


def _block_or_place(block: dict[str, Any]) -> dict[str, Any]:
    match block["type"]:
        case "text":
            return {"type": "text", "characters": len(block["text"])}
        case "tool_use":
            return {"type": "tool_use", "call_id": block["id"]}
        case _:
            return block


def has_places(message: Message) -> bool:
    """Return whether the reply's order is not thinking, text, calls."""
    return any(block["type"] in _PLACES for block in message.reasoning)


def parts_in_order(message: Message) -> Iterator[Message]:
    """Split a reply with places into a message for each text and call, after its thinking.

    Thinking at the end, of a reply that was cut off, led to nothing and is left out.
    """
    calls = {call.id: call for call in message.tool_calls}
    texts = _cut(message)
    thinking: list[dict[str, Any]] = []
    for block in message.reasoning:
        if block["type"] in THINKING_BLOCKS:
            thinking.append(block)
            continue
        if block["type"] == "tool_use":
            call = calls[block["call_id"]]
            yield _part(message, thinking, tool_calls=(call,))
        else:
            text = next(texts)
            if not text.strip():
                continue  # Anthropic refuses text that is only whitespace
            yield _part(message, thinking, content=text)
        thinking = []


def _part(
    message: Message,
    thinking: Sequence[dict[str, Any]],
    *,
    content: str = "",
    tool_calls: tuple[ToolCall, ...] = (),
) -> Message:
    return Message(
        role=message.role,
        content=content,
        tool_calls=tool_calls,
        reasoning=tuple(thinking),
        model=message.model,
    )


def _cut(message: Message) -> Iterator[str]:
    """Cut the content into its texts; it stays whole if a secret was replaced in it."""
    lengths = [block["characters"] for block in message.reasoning if block["type"] == "text"]
    if sum(lengths) != len(message.content):
        yield message.content
        yield from [""] * (len(lengths) - 1)
        return
    position = 0
    for length in lengths:
        yield message.content[position : position + length]
        position += length
