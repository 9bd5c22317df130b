"""Bars on a line, drawn as SVG on the server. The text beside them says the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: The width of a line in units of its drawing, which stretches over the space that there is.
WIDTH = 1000.0
#: Narrower bars could not be seen.
MIN_WIDTH = 3.0

Tone = Literal["", "light", "wait", "good", "bad", "warn"]


@dataclass(frozen=True)
class Bar:
    """A part of a line, in units of ``WIDTH``."""

    x: float
    width: float
    tone: Tone = ""
    title: str = ""
    """Shown while the pointer is on it."""


@dataclass(frozen=True)
class Lane:
    """A line of bars with its label and its text."""

    label: str
    text: str
    """What the bars show, in words or numbers."""
    bars: tuple[Bar, ...]
    href: str = ""
    """Where the label leads; empty for nowhere."""


def compare_amounts(rows: Sequence[tuple[str, float, str]]) -> tuple[Lane, ...]:
    """Return a lane for each (label, amount, text), with bars in proportion to the amounts."""
    largest = max((amount for _, amount, _ in rows), default=0.0)
    lanes: list[Lane] = []
    for label, amount, text in rows:
        width = max(WIDTH * amount / largest, MIN_WIDTH) if amount > 0 else 0.0
        bars = (Bar(0.0, round(width, 1), title=f"{label}: {text}"),) if width else ()
        lanes.append(Lane(label, text, bars))
    return tuple(lanes)
