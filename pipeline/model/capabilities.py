"""What a model can do, and the settings that suit it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Protocol = Literal["native", "text"]
"""How a model calls tools: by the provider's tool calls, or in the text of its reply."""


class ModelProfile(BaseModel):
    """The settings of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Protocol = "text"
