"""The buyer's interface to a model provider, or to a stand-in for one."""

from typing import Protocol

from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.worst_case import WorstCase


class ModelClient(Protocol):
    """Direct access to a provider: one call is one attempt, never retried internally."""

    def profile(self, model: str) -> ModelProfile:
        """Return the settings that suit the model."""
        ...

    def worst_case(self, request: ModelRequest) -> WorstCase:
        """Return the most that this call can cost.

        Raises:
            pipeline.errors.Halt: its cost has no bound.
        """
        ...

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """Remember a call's usage, which bounds the calls that continue its conversation."""
        ...

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Send the request and return the reply.

        Raises:
            pipeline.model.failures.ModelError: it says whether the call may have been charged.
        """
        ...
