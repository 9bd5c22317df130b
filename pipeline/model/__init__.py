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
    """What is sent up to here will be sent again: a provider that wants a mark for its prompt cache is given one."""


class ModelRequest(BaseModel):
    """What is sent. It holds no clock and no random number, so that the same work asks the same
    thing.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    messages: tuple[Message, ...]
    max_tokens: int = 8_000
    temperature: float = 0.0
    sample: int = 0
    """Tells apart requests of the same words; it is not sent."""

    @property
    def hash(self) -> str:
        """sha256 of all but the model's name: what a recorded reply is found by."""
        return hashlib.sha256(self.model_dump_json(exclude={"model"}).encode()).hexdigest()


class ModelReply(BaseModel):
    """What came back. Costs are US dollars, as LiteLLM prices the usage."""

    model_config = ConfigDict(frozen=True)

    content: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    cached_tokens: int = 0
    """Of ``prompt_tokens``, those that the provider had kept."""

    @field_validator("content", "finish_reason")
    @classmethod
    def _storable(cls, text: str) -> str:
        """Half of a surrogate pair is legal in a provider's JSON, and can't be stored: a paid reply
        would be lost.
        """
        return text.encode(errors="replace").decode()


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

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Raises pipeline.model.failures.ModelError; it says whether the call may have been
        charged.
        """
        ...
