"""A model call as it is stored among a run's artifacts."""

from typing import Self

from pydantic import BaseModel, ConfigDict, field_serializer, field_validator, model_validator

from pipeline.model import ModelReply, ModelRequest
from pipeline.model.failures import Failure


class RecordedExchange(BaseModel):
    """A request, and the reply or the failure that it was answered with."""

    model_config = ConfigDict(frozen=True)

    request: ModelRequest
    request_hash: str | None = None
    """The hash of the request, if ``request`` has only the messages that are not stored with
    earlier exchanges of the conversation."""
    reply: ModelReply | None = None
    failure: Failure | None = None

    @classmethod
    def of(
        cls,
        request: ModelRequest,
        *,
        reply: ModelReply | None = None,
        failure: Failure | None = None,
        stored: int = 0,
    ) -> Self:
        """Return the record of a call; the first ``stored`` messages are in earlier ones."""
        if not stored:
            return cls(request=request, reply=reply, failure=failure)
        new = request.model_copy(update={"messages": request.messages[stored:]})
        return cls(request=new, request_hash=request.hash, reply=reply, failure=failure)

    @property
    def key(self) -> str:
        """The hash of the whole request."""
        return self.request_hash or self.request.hash

    @field_validator("failure", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        return Failure[value] if isinstance(value, str) and value in Failure.__members__ else value

    @field_serializer("failure")
    def _name(self, failure: Failure | None) -> str | None:
        return failure.name if failure is not None else None

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if (self.reply is None) == (self.failure is None):
            raise ValueError("needs a reply or a failure")
        return self
