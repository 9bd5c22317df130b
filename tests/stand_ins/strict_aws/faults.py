"""Faults of the stand-in: seeded, counted, and off unless a plan says otherwise."""

import random
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class FaultPlan:
    """Shares (0 to 1) of the calls, or of the messages, that meet each fault."""

    throttled: float = 0.0
    """Calls refused with a ThrottlingException, before any effect."""
    unavailable: float = 0.0
    """Calls answered with a 503 or a 500, before any effect."""
    dropped: float = 0.0
    """Calls whose connection is cut before any effect."""
    reply_lost: float = 0.0
    """Calls that have their whole effect, and then no answer."""
    entry_failed: float = 0.0
    """Entries of batch calls that fail while the call succeeds."""
    doubled: float = 0.0
    """Messages that stay visible while they are handed out: two deliveries at once."""
    undeleted: float = 0.0
    """Deletes that succeed, and the message is delivered once more."""
    disordered: float = 0.0
    """Messages handed out before older ones."""


class Faults:
    """Draw faults by a plan, and count them."""

    def __init__(self, plan: FaultPlan | None = None, seed: int = 0):
        self.plan = plan or FaultPlan()
        self._rng = random.Random(seed)
        self.counts: Counter[str] = Counter()

    def strikes(self, name: str) -> bool:
        """Whether the fault strikes this time."""
        share = getattr(self.plan, name)
        if share <= 0 or self._rng.random() >= share:
            return False
        self.counts[name] += 1
        return True

    def toss_coin(self) -> bool:
        return self._rng.random() < 0.5
