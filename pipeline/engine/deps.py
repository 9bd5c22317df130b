"""What an engine is given, and what it reports."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.artifacts import Artifacts
from pipeline.policy import Policy
from pipeline.run_key import RunKey
from pipeline.stage import Pipeline
from pipeline.store.store import RunStore

ProgressKind = Literal["started", "restored", "finished", "back", "note", "ended"]


@dataclass(frozen=True)
class Progress:
    """What an observer receives: all kinds are about a stage, but for ``ended``, the run's end."""

    kind: ProgressKind
    job_id: str
    generation: int
    round: int
    stage: str
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class EngineDeps:
    pipeline: Pipeline
    store: RunStore
    artifacts: Artifacts
    policy: Policy
    workspaces: Path
    """Folder with one folder a run. What is in one may be gone at the next delivery."""
    observer: Callable[[Progress], None]
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""


def workspace_of(workspaces: Path, key: RunKey) -> Path:
    """Return the run's own folder; a job's id is hashed, since a sender chooses it."""
    name = hashlib.sha256(key.job_id.encode()).hexdigest()[:16]
    return workspaces / f"{name}-{key.generation}"
