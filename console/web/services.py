"""What the console shows, and what it may do."""

from collections.abc import Callable
from dataclasses import dataclass

from console.queues.dead_letters import DeadLetters
from console.queues.watch import QueueWatch
from pipeline.artifacts import Artifacts
from pipeline.budget import EffectiveLimits
from pipeline.store.reader import StoreReader
from pipeline.telemetry.redaction import Redactor
from pipeline.template_sets import TemplateSets


@dataclass(frozen=True)
class Services:
    """What the console's pages are made from."""

    store: StoreReader
    artifacts: Artifacts
    template_sets: TemplateSets
    queue: QueueWatch | None
    """The depths of both queues; None in local mode."""
    dead_letters: DeadLetters | None
    """None in local mode."""
    allow_actions: bool
    """Whether people may replay dead letters, or only look."""
    ceiling: EffectiveLimits
    """The most that a run may cost and take."""
    redact: Redactor
    clock: Callable[[], float]
    """Seconds since the epoch."""
