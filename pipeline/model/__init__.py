"""Access to models: LiteLLM behind a small typed client, with money reserved before each call."""

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

Use = Literal["agent", "single"]
"""What a call is for: a step of the agent, or a question that is answered in one reply."""
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How much a model reasons before it answers. Each model accepts some of these."""

#: How a reply ends when the model or its provider refuses to answer.
_REFUSALS = ("content_filter", "refusal")


class ToolCall(BaseModel):
    """A tool call of a model."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    arguments: str
    """JSON exactly as the model wrote it; it may be invalid."""

    @field_validator("id", "name", "arguments")
    @classmethod
    def _storable(cls, text: str) -> str:
        return _without_surrogates(text)


class ToolSpec(BaseModel):
    """A tool that a model may call."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema of the arguments."""


class Message(BaseModel):
    """A message of a conversation."""

    model_config = ConfigDict(frozen=True)

    role: str
    """system, user, assistant, or tool."""
    content: str
    reused: bool = False
    """Whether the conversation up to here will be sent again: marks it for the prompt cache."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """The call that a message with the role tool answers."""
    reasoning: tuple[dict[str, Any], ...] = ()
    """The provider's blocks, such as signed thinking; sent back unchanged, only to ``model``."""
    model: str | None = None
    """The author of an assistant message."""


class ModelRequest(BaseModel):
    """A request to a model.

    It contains no time and no random number, so that the same work makes the same request.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int | None = None
    """Maximum length of the reply; None for the model's own for ``use``."""
    temperature: float | None = None
    """None: not sent."""
    effort: Effort | None = None
    """None for the model's own for ``use``."""
    use: Use = "single"
    sample: int = 0
    """Distinguishes requests that are otherwise equal; not sent to the provider."""

    @property
    def hash(self) -> str:
        """SHA-256 of all fields except the models' names: the key of a recorded reply."""
        fields = self.model_dump_json(exclude={"model": True, "messages": {"__all__": {"model"}}})
        return hashlib.sha256(fields.encode()).hexdigest()


class ModelReply(BaseModel):
    """A model's reply. The cost is in US dollars, as LiteLLM prices the usage."""

    model_config = ConfigDict(frozen=True)

    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: tuple[dict[str, Any], ...] = ()
    """The provider's own blocks, for the next request to the same model."""
    reasoning_text: str = ""
    """Readable reasoning or its summary, for people."""
    finish_reason: str
    """stop, tool_calls, length, content_filter, refusal, or a provider's own word for a proper
    end."""
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    cached_tokens: int = 0
    """The part of ``prompt_tokens`` that the provider had in its cache."""
    reasoning_tokens: int = 0
    """The part of ``completion_tokens`` that was spent on reasoning."""

    @field_validator("content", "reasoning_text", "finish_reason")
    @classmethod
    def _storable(cls, text: str) -> str:
        return _without_surrogates(text)

    @property
    def cut_off(self) -> bool:
        """Whether the reply reached its maximum length."""
        return self.finish_reason == "length"

    @property
    def refused(self) -> bool:
        """Whether the model or its provider refused to answer."""
        return self.finish_reason in _REFUSALS

    @property
    def is_whole(self) -> bool:
        """Whether the model ended the reply itself. Of any other reply, nothing is used."""
        return not (self.cut_off or self.refused)

    def as_message(self, *, reused: bool = False) -> Message:
        """Return the assistant message that the next request contains."""
        return Message(
            role="assistant",
            content=self.content,
            reused=reused,
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            model=self.model,
        )


def _without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no store accepts: a paid reply must not be lost."""
    return text.encode(errors="replace").decode()
