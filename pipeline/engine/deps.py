"""The engine's dependencies and its progress reports."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.artifacts import Artifacts
from pipeline.engine.progress_comment import ProgressComment
from pipeline.engine.run_page import MakePage
from pipeline.job import FIX_ISSUE, InvalidJob, Job, JobType
from pipeline.policy import Policy
from pipeline.run_key import RunKey
from pipeline.stage import Pipeline
from pipeline.store.store import RunStore
from pipeline.telemetry.spans import NoTracer, Tracer

ProgressKind = Literal["started", "restored", "finished", "back", "note", "status", "ended"]


@dataclass(frozen=True)
class Progress:
    """A progress report to an observer, about a stage or, for the kind ``ended``, about the run.

    A ``note`` is worth keeping; a ``status`` is only true until the next one. The seconds are those
    of work that has ended; of what has just started, those since then.
    """

    kind: ProgressKind
    job_id: str
    generation: int
    round: int
    stage: str
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class EngineDeps:
    pipelines: Mapping[JobType, Pipeline]
    """The stages of each type of job."""
    store: RunStore
    artifacts: Artifacts
    policy: Policy
    workspaces: Path
    """Contains one folder per run, whose content may be gone at the next delivery."""
    observer: Callable[[Progress], None]
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    tracer: Tracer = field(default_factory=NoTracer)
    progress_comment: ProgressComment | None = None
    """Shows on GitHub that a run has begun and how it ended; None for no comment."""
    make_page: MakePage | None = None
    """Makes the page that is stored at the end of each run; None for no page."""

    def pipeline_of(self, job: Job | InvalidJob) -> Pipeline:
        """Return the stages of a job; of an invalid one, which has no results, those of a fix."""
        job_type = FIX_ISSUE if isinstance(job, InvalidJob) else job.type
        return self.pipelines[job_type]


def workspace_of(workspaces: Path, key: RunKey) -> Path:
    """Return the run's own folder. The job's id is hashed, because a sender can choose it."""
    name = hashlib.sha256(key.job_id.encode()).hexdigest()[:16]
    return workspaces / f"{name}-{key.generation}"
