"""A part of a run with its start and its end."""

from dataclasses import dataclass
from typing import Literal

SpanKind = Literal["run", "wait", "delivery", "round", "stage", "step", "call"]

#: Of spans with the same start and end, the outer one comes first.
NESTING: tuple[SpanKind, ...] = ("run", "wait", "delivery", "round", "stage", "step", "call")
State = Literal["done", "sent back", "ended the run", "failed", "in progress"]


@dataclass(frozen=True)
class Span:
    """Times are seconds since the epoch."""

    kind: SpanKind
    name: str
    start: float
    end: float | None
    """None if it has not ended, or if its end is not known."""
    round: int | None = None
    state: State = "done"
    detail: str = ""
    """A few words for a person; may hold text of strangers."""

    @property
    def seconds(self) -> float | None:
        return None if self.end is None else max(self.end - self.start, 0.0)

    @property
    def order(self) -> tuple[float, int]:
        """Sorts spans by their start, the outer ones first."""
        return (self.start, NESTING.index(self.kind))
