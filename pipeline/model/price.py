"""The price of a model's tokens, and what a reply's usage costs at that price."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PER_MILLION = 1_000_000

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Usage:
    """The tokens that a provider reports for a call."""

    prompt_tokens: int
    """All input tokens, cached ones included."""
    completion_tokens: int
    """All output tokens, reasoning included."""
    cached_tokens: int = 0
    """The part of ``prompt_tokens`` that was read from the prompt cache."""
    cache_write_tokens: int = 0
    """The part of ``prompt_tokens`` that was written to the prompt cache."""


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    """For input that is read from the prompt cache; None: as ``input``."""
    cache_write: Dollars | None = None
    """For input that is written to the prompt cache; None: as ``input``."""

    def cost_usd(self, usage: Usage) -> float:
        """Return what the usage costs, in US dollars."""
        uncached = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens
        cached_price = self.input if self.cached_input is None else self.cached_input
        write_price = self.input if self.cache_write is None else self.cache_write
        cost = max(uncached, 0) * self.input
        cost += usage.cached_tokens * cached_price
        cost += usage.cache_write_tokens * write_price
        cost += usage.completion_tokens * self.output
        return cost / PER_MILLION
