"""What the buyer needs of a client for one provider or stand-in."""

from typing import Protocol

from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile


class ModelClient(Protocol):
    """Direct access to a provider: one call is one attempt, never retried internally."""

    def profile(self, model: str) -> ModelProfile:
        """Return the settings that suit the model."""
        ...

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
