"""The model: LiteLLM behind a small typed client, metered so that money is reserved before it is spent."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    model_config = ConfigDict(frozen=True)

    role: str
    content: str


class ModelRequest(BaseModel):
    """What is sent. It holds no clock and no random number, so that the same work asks the same thing."""

    model_config = ConfigDict(frozen=True)

    model: str
    messages: tuple[Message, ...]
    max_tokens: int = 8_000
    temperature: float = 0.0


class ModelReply(BaseModel):
    """What came back. Costs are US dollars, as LiteLLM prices the usage."""

    model_config = ConfigDict(frozen=True)

    content: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


@dataclass(frozen=True)
class Price:
    """US dollars a token."""

    input: float
    output: float


class ModelClient(Protocol):
    """Bare access to a provider: one call is one attempt, never retried inside."""

    def worst_case_usd(self, request: ModelRequest) -> float:
        """The most that this call can cost: counted input, with a margin, and max_tokens, at list price.

        Raises:
            pipeline.errors.Halt: the model has no known price.
        """
        ...

    async def complete(self, request: ModelRequest) -> ModelReply: ...


class CallNotCharged(Exception):
    """The provider refused before doing any work (4xx): the reservation can be released. ``__cause__`` says why."""
