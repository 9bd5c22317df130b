"""The RunStore contract and its rows. Every implementation passes one test suite.

Methods are synchronous and safe to call from any thread; times are seconds since the epoch; money
is in micro-dollars (integers, so that sums and limits are exact)."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from pipeline.job import FixIssueJob, InvalidJob, IssueRef
from pipeline.run_key import RunKey


@dataclass(frozen=True)
class Submission:
    """A job as a message or a request brings it."""

    job: FixIssueJob | InvalidJob
    """Valid, or an object that at least names an issue."""
    body: str
    """The job as JSON; the message as it came where the job is invalid."""
    redrive_of: int | None = None
    """``failed_generation`` of a message that came back from the dead-letter queue."""

    @classmethod
    def of(cls, job: FixIssueJob, *, redrive_of: int | None = None) -> "Submission":
        return cls(job, job.to_json(), redrive_of)

    @property
    def job_id(self) -> str:
        if isinstance(self.job, InvalidJob):
            return self.job.job_id
        return self.job.id

    @property
    def issue(self) -> IssueRef:
        return self.job.issue

    @property
    def digest(self) -> str:
        """A hash that differs between two bodies under one job_id."""
        if isinstance(self.job, InvalidJob):
            return hashlib.sha256(self.body.encode()).hexdigest()
        return self.job.digest

    @property
    def replay_id(self) -> str | None:
        if isinstance(self.job, InvalidJob) or self.job.replay is None:
            return None
        return self.job.replay.id


@dataclass(frozen=True)
class Lease:
    """A delivery's right to write to a run until ``expires_at``."""

    key: RunKey
    token: str
    expires_at: float

    @property
    def job_id(self) -> str:
        return self.key.job_id

    @property
    def generation(self) -> int:
        return self.key.generation


@dataclass(frozen=True)
class RunRow:
    """One run: (job_id, generation)."""

    job_id: str
    generation: int
    repository: str
    issue_url: str
    body: str
    owner: str | None
    """Name of the API key that registered the job; None where it came by the queue alone."""
    created_at: float
    state: str = "queued"
    """queued, running or finished"""
    outcome: str | None = None
    reason: str | None = None
    round: int = 1
    tries: int = 0
    deliveries: int = 0
    crashes: int = 0
    """Deliveries whose worker died: their lease ended without having been given back."""
    seconds: float = 0.0
    cancel_requested: bool = False
    finished_at: float | None = None
    last_error: str | None = None
    result: str | None = None
    """The RunResult as JSON."""
    event: str | None = None
    """The run.finished event, byte for byte as it was first published."""

    @property
    def key(self) -> RunKey:
        return RunKey(self.job_id, self.generation)


@dataclass(frozen=True)
class Registered:
    """``run`` is the one that the submission asks for, or the newest where that must wait for its
    end.
    """

    run: RunRow
    body_differs: bool
    """Another body is stored under this job_id; the first one stands."""


@dataclass(frozen=True)
class Moment:
    """Something that happened to a run: registered, delivered, released, try failed, cancel
    requested, finished.
    """

    at: float
    what: str
    detail: str


@dataclass(frozen=True)
class Claimed:
    """The delivery owns the run until its lease ends."""

    run: RunRow
    lease: Lease
    job: FixIssueJob
    """The job as stored."""
    body_differs: bool
    """Another body is stored under this job_id; the first one stands."""


@dataclass(frozen=True)
class ClaimedInvalid:
    """The delivery owns a run whose stored job is invalid: it can only be rejected."""

    run: RunRow
    lease: Lease
    error: InvalidJob


@dataclass(frozen=True)
class Busy:
    """Another delivery holds a live lease, or an earlier generation is still running."""

    until: float


@dataclass(frozen=True)
class Finished:
    run: RunRow


Claim = Claimed | ClaimedInvalid | Busy | Finished


@dataclass(frozen=True)
class Checkpoint:
    round: int
    stage: str
    result: str
    """The stage's result as JSON, or the key of the artifact that holds it where ``offloaded``."""
    offloaded: bool
    seconds: float
    created_at: float


@dataclass(frozen=True)
class Round:
    """Round ``number`` was opened by a Back to stage ``to``. Round 1 has no row."""

    number: int
    to: str
    because: str
    note: dict[str, Any] = field(default_factory=dict)
    """What the stage that went back wants later rounds to know."""


@dataclass(frozen=True)
class Effect:
    generation: int
    name: str
    intention: dict[str, Any]
    result: dict[str, Any] | None
    created_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class MoneyCaps:
    """Micro-dollars that reserved plus settled may not pass."""

    run: int
    repository_day: int
    day: int


@dataclass(frozen=True)
class Call:
    """One attempt to buy a model's reply."""

    key: str
    attempt: int
    state: str
    """reserved, settled, released or cut (the reply was never stored; the reservation stands)"""
    micro_usd: int
    reply_key: str
    model: str
    created_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class CallRequest:
    """A model's reply to be bought."""

    key: str
    """Names the reply within its run; attempts at the same reply share it."""
    micro_usd: int
    """Its cost at worst."""
    model: str
    reply_key: str
    """The artifact that will hold the reply; ``{attempt}`` is filled in."""
    day: str
    """``YYYY-MM-DD``, UTC: the day whose budgets it uses."""


@dataclass(frozen=True)
class PendingEvent:
    event_id: str
    type: str
    topic_arn: str
    body: str
    attributes: dict[str, str]


class BudgetExceeded(Exception):
    """A reservation would pass a limit. ``scope``: run, repository_day or day."""

    def __init__(self, scope: str, needed: int, left: int):
        name = scope.replace("_", " and ")
        super().__init__(
            f"the {name} budget: ${needed / 1e6:.4f} needed at worst, ${max(left, 0) / 1e6:.4f}"
            " left"
        )
        self.scope = scope
        self.needed = needed
        self.left = left
