"""Access to models: LiteLLM behind a small typed client, with money reserved before each call."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, field_validator


class Message(BaseModel):
    model_config = ConfigDict(frozen=True)

    role: str
    content: str
    reused: bool = False
    """Whether the conversation up to here will be sent again: marks it for the prompt cache."""


class ModelRequest(BaseModel):
    """A request to a model.

    It contains no time and no random number, so that the same work makes the same request.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    messages: tuple[Message, ...]
    max_tokens: int = 8_000
    temperature: float = 0.0
    sample: int = 0
    """Distinguishes requests that are otherwise equal; not sent to the provider."""

    @property
    def hash(self) -> str:
        """SHA-256 of all fields except the model's name: the key of a recorded reply."""
        return hashlib.sha256(self.model_dump_json(exclude={"model"}).encode()).hexdigest()


class ModelReply(BaseModel):
    """A model's reply. The cost is in US dollars, as LiteLLM prices the usage."""

    model_config = ConfigDict(frozen=True)

    content: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    cached_tokens: int = 0
    """The part of ``prompt_tokens`` that the provider had in its cache."""

    @field_validator("content", "finish_reason")
    @classmethod
    def _storable(cls, text: str) -> str:
        """Replace lone surrogates, which no store accepts: a paid reply must not be lost."""
        return text.encode(errors="replace").decode()


@dataclass(frozen=True)
class Price:
    """US dollars per token."""

    input: float
    output: float


class ModelClient(Protocol):
    """Direct access to a provider: one call is one attempt, never retried internally."""

    def worst_case_usd(self, request: ModelRequest) -> float:
        """Return the most that this call can cost, in US dollars.

        That is the list price of the counted input tokens, with a margin, and of max_tokens.

        Raises:
            pipeline.errors.Halt: the model has no known price.
        """
        ...

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Send the request and return the reply.

        Raises:
            pipeline.model.failures.ModelError: it says whether the call may have been charged.
        """
        ...
