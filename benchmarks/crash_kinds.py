"""The kinds of jobs in a crash benchmark."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.outcome import Outcome

MAX_ROUNDS = 3


@dataclass(frozen=True)
class Kind:
    """A kind of job."""

    share: float
    outcome: Outcome
    rounds: int
    """0 if it never reaches the model."""


def draw_kind(rng: random.Random, kinds: Mapping[str, Kind]) -> str:
    """Return the name of a kind, each with its share as the probability."""
    shares = [kind.share for kind in kinds.values()]
    return rng.choices(list(kinds), shares)[0]
