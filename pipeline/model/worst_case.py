"""The most that a model call can cost, which is reserved before it."""

from dataclasses import dataclass, replace
from typing import Self

#: Tokens of the shortest reply that is worth asking for. In recorded runs of an agent, 3 of 1,000
#: replies are longer (``python -m benchmarks.reservations``).
SHORTEST_REPLY = 4_000


@dataclass(frozen=True)
class WorstCase:
    """A bound on the cost of a call: all of its input, and a reply of the maximum length."""

    input_usd: float
    max_tokens: int = 0
    """The maximum length of the reply, as it is sent."""
    token_usd: float = 0.0
    """US dollars for a token of the reply."""

    @property
    def usd(self) -> float:
        return self.input_usd + self.max_tokens * self.token_usd

    def within(self, usd: float) -> Self:
        """Return the call with a shorter reply if that makes it affordable, else unchanged."""
        if self.usd <= usd or not self.token_usd:
            return self
        max_tokens = int((usd - self.input_usd) / self.token_usd)
        if max_tokens < SHORTEST_REPLY:
            return self
        return replace(self, max_tokens=max_tokens)
