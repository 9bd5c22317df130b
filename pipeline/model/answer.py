"""A provider's answer, read from the object that litellm makes of it."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.model import ToolCall
from pipeline.model.price import Usage


@dataclass(frozen=True)
class Answer:
    """The fields of a ModelReply that the provider decides."""

    content: str
    tool_calls: tuple[ToolCall, ...]
    reasoning: tuple[dict[str, Any], ...]
    reasoning_text: str
    finish_reason: str
    usage: Usage
    reasoning_tokens: int


def call_id(written: str | None) -> str:
    """Return a call's identifier; a new one if the provider wrote none."""
    return written or f"call_{uuid.uuid4().hex[:24]}"


def storable(blocks: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return the blocks, or none of them if a store would refuse one.

    They must come back unchanged, so that a lone surrogate can't be replaced as in other texts.
    """
    try:
        json.dumps(list(blocks), ensure_ascii=False).encode()
    except (TypeError, UnicodeEncodeError):
        return ()
    return tuple(blocks)
