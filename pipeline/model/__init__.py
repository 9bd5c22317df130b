"""The model: LiteLLM behind a small typed client, metered so that money is reserved before it is
spent.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, field_validator


class Message(BaseModel):
    model_config = ConfigDict(frozen=True)

    role: str
    content: str
    reused: bool = False
    """Whether the conversation up to here is sent again: a mark for the provider's prompt cache."""


class ModelRequest(BaseModel):
    """What is sent to a model.

    It contains no clock and no random number, so that the same work asks the same question.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    messages: tuple[Message, ...]
    max_tokens: int = 8_000
    temperature: float = 0.0
    sample: int = 0
    """Tells requests of the same words apart; it is not sent."""

    @property
    def hash(self) -> str:
        """SHA-256 of all but the model's name, by which a recorded reply is looked up."""
        return hashlib.sha256(self.model_dump_json(exclude={"model"}).encode()).hexdigest()


class ModelReply(BaseModel):
    """A model's reply. Costs are US dollars, as LiteLLM prices the usage."""

    model_config = ConfigDict(frozen=True)

    content: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    cached_tokens: int = 0
    """Those of ``prompt_tokens`` that the provider had in its cache."""

    @field_validator("content", "finish_reason")
    @classmethod
    def _storable(cls, text: str) -> str:
        """Replace lone surrogates, which no store takes: a paid reply must not be lost."""
        return text.encode(errors="replace").decode()


@dataclass(frozen=True)
class Price:
    """US dollars a token."""

    input: float
    output: float


class ModelClient(Protocol):
    """Bare access to a provider: one call is one attempt, never retried inside."""

    def worst_case_usd(self, request: ModelRequest) -> float:
        """Return the most that this call can cost, in US dollars.

        That is the counted input, with a margin, and max_tokens, at list price.

        Raises:
            pipeline.errors.Halt: the model has no known price.
        """
        ...

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Raises pipeline.model.failures.ModelError; it says whether the call may have been
        charged.
        """
        ...
