"""The RunStore contract and its rows. Every implementation passes one test suite.

Methods are synchronous and safe to call from any thread; times are seconds since the epoch; money
is in micro-dollars (integers, so that sums and limits are exact)."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.job import FixIssueJob, InvalidJob, IssueRef, parse_job
from pipeline.outcome import Event, RunResult
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
    state: str
    """queued, running or finished"""
    outcome: str | None
    reason: str | None
    round: int
    tries: int
    deliveries: int
    crashes: int
    """Deliveries whose worker died: their lease ended without having been given back."""
    owner: str | None
    """Name of the API key that registered the job; None where it came by the queue alone."""
    seconds: float
    cancel_requested: bool
    created_at: float
    finished_at: float | None
    last_error: str | None
    result: str | None
    """The RunResult as JSON."""
    event: str | None
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


def claimed(
    run: RunRow, lease: Lease, submission: Submission, *, body_differs: bool
) -> Claimed | ClaimedInvalid:
    """Return the claim on a run, its stored job parsed.

    Raises:
        UnreadableMessage, NewerSchema: the stored job is no job for this version.
    """
    job = submission.job
    if run.body != submission.body:
        job = read_job(run.body)
    if isinstance(job, InvalidJob):
        return ClaimedInvalid(run, lease, job)
    return Claimed(run, lease, job, body_differs)


def read_job(body: str) -> FixIssueJob | InvalidJob:
    """Parse a stored job.

    Raises:
        UnreadableMessage, NewerSchema: it is no job for this version.
    """
    try:
        return parse_job(body)
    except InvalidJob as error:
        return error


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


class RunStore(Protocol):
    """Every method that takes a lease raises pipeline.errors.LeaseLost where the lease is not the
    run's live one.
    """

    def register(self, submission: Submission, *, owner: str | None) -> Registered:
        """Make the job and its run, queued, where there is none: what the HTTP intake answers with.

        A run without an owner gets this one: its message may have been delivered before it was registered.
        """
        ...

    def claim(self, submission: Submission, *, lease_seconds: float) -> Claim:
        """Take the run for one delivery; makes the job, and its next generation for a new replay,
        where needed.
        """
        ...

    def renew(self, lease: Lease, *, lease_seconds: float) -> bool:
        """Move the lease's end on, also where it has passed and nobody took the run. True: somebody asked for the run
        to be cancelled. No error either where the lease's own delivery has finished the run meanwhile.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back, the run unfinished. A lease already lost is no error."""
        ...

    def count_try(self, lease: Lease, error: str, seconds: float) -> int:
        """Count a failed try (interruptions are not counted), and its seconds. Gives the tries so
        far.
        """
        ...

    def save_checkpoint(self, lease: Lease, checkpoint: Checkpoint) -> bool:
        """Store a stage's result, its seconds added to the run's. True: a cancellation was asked
        for.
        """
        ...

    def checkpoints(self, key: RunKey) -> list[Checkpoint]: ...

    def open_round(self, lease: Lease, opened: Round, seconds: float) -> None: ...

    def rounds(self, key: RunKey) -> list[Round]: ...

    def intend(self, lease: Lease, name: str, intention: dict[str, Any]) -> dict[str, Any]:
        """Store an effect's intention; one stored earlier in this run stands and is returned."""
        ...

    def record(self, lease: Lease, name: str, result: dict[str, Any]) -> None: ...

    def effects(self, job_id: str) -> list[Effect]:
        """Of every generation, oldest first."""
        ...

    def reserve(
        self,
        lease: Lease,
        key: str,
        *,
        micro_usd: int,
        model: str,
        reply_key: str,
        day: str,
        caps: MoneyCaps,
    ) -> Call:
        """Reserve money for the next attempt at ``key``; an attempt still reserved there becomes cut. ``{attempt}`` in
        ``reply_key`` is filled in.

        Raises:
            BudgetExceeded: nothing was reserved.
        """
        ...

    def settle(self, lease: Lease, call: Call, *, micro_usd: int) -> None: ...

    def release_call(self, lease: Lease, call: Call) -> None:
        """The provider certainly charged nothing."""
        ...

    def calls(self, key: RunKey) -> list[Call]: ...

    def spent(self, *, day: str, repository: str | None = None) -> int:
        """Micro-dollars reserved and settled on a day (``YYYY-MM-DD``, UTC)."""
        ...

    def announce(self, lease: Lease, event: Event, topic_arn: str | None) -> None:
        """Put an event into the outbox, once per event id. With no topic it is kept as published."""
        ...

    def finish(self, lease: Lease, result: RunResult, event: Event, topic_arn: str | None) -> None:
        """Decide the outcome, once, and put its event into the outbox, in one transaction."""
        ...

    def pending_events(self, limit: int = 10) -> list[PendingEvent]: ...

    def mark_published(self, event_id: str) -> None: ...

    def run(self, job_id: str, generation: int | None = None) -> RunRow | None:
        """One run; with no generation the newest."""
        ...

    def oldest_unfinished(self) -> float | None:
        """When the oldest run without an outcome was made; None: all have one."""
        ...

    def history(self, key: RunKey) -> list[Moment]:
        """Oldest first."""
        ...

    def runs(
        self, *, outcome: str | None = None, repository: str | None = None, limit: int = 50
    ) -> list[RunRow]:
        """Newest first."""
        ...

    def request_cancel(self, job_id: str) -> bool:
        """Ask the newest unfinished run to stop. False: there is none."""
        ...

    def close(self) -> None: ...
