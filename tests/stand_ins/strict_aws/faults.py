"""The stand-in's faults: seeded, counted, and off by default."""

import random
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class FaultPlan:
    """The probability (0 to 1) of each fault, per call or per message."""

    throttled: float = 0.0
    """Calls refused with a ThrottlingException, before any effect."""
    unavailable: float = 0.0
    """Calls answered with a 503 or a 500, before any effect."""
    dropped: float = 0.0
    """Calls whose connection is cut before any effect."""
    reply_lost: float = 0.0
    """Calls that take effect, but get no response."""
    entry_failed: float = 0.0
    """Entries of batch calls that fail while the call succeeds."""
    doubled: float = 0.0
    """Messages that stay visible when they are handed out, so that two deliveries overlap."""
    undeleted: float = 0.0
    """Deletes that succeed although the message is delivered once more."""
    disordered: float = 0.0
    """Messages handed out before older ones."""


class Faults:
    """Draws faults randomly according to a plan, and counts them."""

    def __init__(self, plan: FaultPlan | None = None, seed: int = 0):
        self.plan = plan or FaultPlan()
        self._rng = random.Random(seed)
        self.counts: Counter[str] = Counter()

    def strikes(self, name: str) -> bool:
        """Return whether the fault occurs this time."""
        share = getattr(self.plan, name)
        if share <= 0 or self._rng.random() >= share:
            return False
        self.counts[name] += 1
        return True

    def toss_coin(self) -> bool:
        return self._rng.random() < 0.5
