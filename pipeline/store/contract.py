"""The values that go into the store and come out of it.

Times are seconds since the epoch; money is in micro-dollars.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from pipeline.job import (
    ADDRESS_REVIEW,
    FIX_ISSUE,
    InvalidJob,
    IssueRef,
    Job,
    JobType,
    PullRef,
    parse_job,
    parse_subject,
    shorten_invalid,
)
from pipeline.money import to_usd
from pipeline.run_key import RunKey
from pipeline.telemetry.trace_context import TRACEPARENT, RunTrace, first_context


@dataclass(frozen=True)
class Submission:
    """A job as received in a message or a request."""

    job: Job | InvalidJob
    """The valid job, or an invalid one that still names what it is about."""
    body: str
    """The job as JSON; if it is invalid, the message as received, or ``shorten_invalid`` of it."""
    redrive_of: int | None = None
    """The ``failed_generation`` of a message redriven from the dead-letter queue."""
    owner: str | None = None
    """Name of the API key that sent the job; None if its sender wrote to the queue."""
    sent_traceparent: str | None = None
    """The ``traceparent`` beside the body, as it came."""

    @classmethod
    def of(
        cls,
        job: Job,
        *,
        redrive_of: int | None = None,
        owner: str | None = None,
        traceparent: str | None = None,
    ) -> "Submission":
        return cls(job, job.to_json(), redrive_of, owner, traceparent)

    @classmethod
    def read(
        cls,
        body: str,
        *,
        redrive_of: int | None = None,
        owner: str | None = None,
        traceparent: str | None = None,
    ) -> "Submission":
        """Read a message's body, of a valid job, or of an invalid one that names its
        subject.

        Raises:
            UnreadableMessage, NewerSchema: see each.
        """
        try:
            job = parse_job(body)
        except InvalidJob as error:
            return cls(error, shorten_invalid(body, error), redrive_of, owner, traceparent)
        return cls.of(job, redrive_of=redrive_of, owner=owner, traceparent=traceparent)

    @property
    def job_id(self) -> str:
        if isinstance(self.job, InvalidJob):
            return self.job.job_id
        return self.job.id

    @property
    def subject(self) -> IssueRef | PullRef:
        return self.job.subject

    @property
    def digest(self) -> str:
        """A hash that differs between two bodies under one job_id."""
        if isinstance(self.job, InvalidJob):
            return hashlib.sha256(self.body.encode()).hexdigest()
        return self.job.digest

    @property
    def exact_digest(self) -> str:
        """A hash that differs between any two bodies, apart from the replay."""
        if isinstance(self.job, InvalidJob):
            return self.digest
        return self.job.exact_digest

    @property
    def traceparent(self) -> str | None:
        """The sender's place in its trace: beside the body, or else in the job's metadata."""
        context = first_context([self.sent_traceparent, self.job.metadata.get(TRACEPARENT)])
        return str(context) if context is not None else None

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


@dataclass(frozen=True)
class RunRow:
    """A run as it is stored."""

    job_id: str
    generation: int
    repository: str
    issue_url: str
    """Of the issue; of a job that addresses a review, the pull request's address."""
    body: str
    owner: str | None
    """Name of the API key that sent the job first; None if its sender wrote to the queue."""
    created_at: float
    state: str = "queued"
    """queued, running or finished"""
    outcome: str | None = None
    reason: str | None = None
    round: int = 1
    tries: int = 0
    waits: int = 0
    """Times in a row that it was put back to wait for others, without progress in between."""
    waiting_since: float | None = None
    """When the first of these waits began."""
    deliveries: int = 0
    crashes: int = 0
    """Deliveries whose worker died: their lease expired without being released."""
    seconds: float = 0.0
    micro_usd: int = 0
    """Reserved and settled so far, over all calls."""
    cancel_requested: bool = False
    finished_at: float | None = None
    model: str | None = None
    """Of a run that has ended: the model that it spent most on."""
    template_set: str | None = None
    """Of a run that has ended: the hash of the set of templates that it used."""
    dead_lettered: bool = False
    """Whether the message of the failed run was put into the dead-letter queue."""
    last_error: str | None = None
    result: str | None = None
    """The RunResult as JSON."""
    event: str | None = None
    """The run.finished event, byte for byte as first published."""
    traceparent: str | None = None
    """The sender's place in its trace, when the run was registered."""

    @property
    def key(self) -> RunKey:
        return RunKey(self.job_id, self.generation)

    @property
    def trace(self) -> RunTrace:
        return RunTrace.of(self.key, self.traceparent)

    @property
    def subject(self) -> IssueRef | PullRef:
        """What the job is about."""
        return parse_subject(self.issue_url)

    @property
    def job_type(self) -> JobType:
        return ADDRESS_REVIEW if isinstance(self.subject, PullRef) else FIX_ISSUE

    @property
    def place(self) -> str:
        """Where it is in the list of all runs, which sorts by this text."""
        return f"{place_at(self.created_at)}#{self.job_id}#{self.generation:06d}"


@dataclass(frozen=True)
class RunFilter:
    """Which runs a list contains: those that match each field that is not None."""

    outcome: str | None = None
    """An outcome, or the state ``queued`` or ``running``."""
    repository: str | None = None
    """``owner/name`` in lower case."""
    owner: str | None = None
    """Name of the API key that sent the job first."""
    model: str | None = None
    """Only runs that have ended have one."""
    template_set: str | None = None
    """Only runs that have ended have one."""
    since: float | None = None
    """The run was created at this time or later."""

    @property
    def values(self) -> dict[str, str]:
        """The values that a run's item must have, by their names there."""
        candidates = {
            "status": self.outcome,
            "repository": self.repository,
            "owner": self.owner,
            "model": self.model,
            "template_set": self.template_set,
        }
        return {name: value for name, value in candidates.items() if value is not None}


ALL_RUNS = RunFilter()


def place_at(seconds: float) -> str:
    """Return a place in the list of all runs: before those created at this time, or later."""
    return f"{seconds:017.6f}"


@dataclass(frozen=True)
class Registration:
    """What the store holds for a submission."""

    newest: RunRow | None
    """The job's newest run; None for an unknown job."""
    run: RunRow | None
    """The submission's run; None if it has not been started."""
    body_differs: bool
    """A different body stands for the job, and is the one used."""


@dataclass(frozen=True)
class Moment:
    """An entry in the history of a run."""

    at: float
    what: str
    """registered, delivered, released, try failed, waits, stopped, cancel requested, finished
    or dead-lettered"""
    detail: str


@dataclass(frozen=True)
class Claimed:
    """The delivery owns the run until its lease ends."""

    run: RunRow
    lease: Lease
    job: Job
    """The job as stored."""
    body_differs: bool
    """A different body stands for the job, and is the one used."""


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
    """When to try again."""


@dataclass(frozen=True)
class Finished:
    """The run has already ended."""

    run: RunRow


Claim = Claimed | ClaimedInvalid | Busy | Finished


@dataclass(frozen=True)
class Checkpoint:
    """The stored result of a stage."""

    round: int
    stage: str
    result: str
    """The stage's result as JSON; if ``offloaded``, the key of the artifact that holds it."""
    offloaded: bool
    seconds: float
    created_at: float


@dataclass(frozen=True)
class Round:
    """A round after the first, opened by a ``Back`` to the stage ``to``."""

    number: int
    to: str
    because: str
    note: dict[str, Any] = field(default_factory=dict)
    """The ``pipeline.stage.RoundNote`` of the stage that went back, dumped."""
    created_at: float = field(default=0.0, compare=False)
    """When it was opened; 0 if an older version stored it. The store sets it."""
    seconds: float = field(default=0.0, compare=False)
    """How long the stage that went back took. The store sets it."""


@dataclass(frozen=True)
class Effect:
    """A change to the outside world: its intention and, once it is done, its result."""

    generation: int
    name: str
    intention: dict[str, Any]
    result: dict[str, Any] | None
    created_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class MoneyCaps:
    """Upper bounds on the sum of reserved and settled money, in micro-dollars."""

    run: int
    repository_day: int
    day: int
    key_day: int | None = None
    """Of the API key that sent the job; None if it has no budget of its own."""


#: The states of a call whose full reservation still counts.
UNSETTLED = ("reserved", "cut")


@dataclass(frozen=True)
class Call:
    """One attempt to buy a model's reply."""

    key: str
    attempt: int
    state: str
    """reserved, settled, released or cut (the reply was never stored; still counted in full)"""
    micro_usd: int
    reply_key: str
    model: str
    created_at: float = field(default=0.0, compare=False)
    ended_at: float | None = field(default=None, compare=False)
    """When it was answered or failed; None if it was not, or if an older version stored it."""


@dataclass(frozen=True)
class CallRequest:
    """A model reply to be bought."""

    key: str
    """Identifies the reply within its run; attempts at the same reply share it."""
    micro_usd: int
    """The worst-case cost."""
    model: str
    reply_key: str
    """The artifact that will hold the reply; ``{attempt}`` is filled in."""
    day: str
    """``YYYY-MM-DD``, UTC: the day whose budgets it counts against."""


@dataclass(frozen=True)
class PendingEvent:
    """An event that is not published yet."""

    event_id: str
    type: str
    topic_arn: str
    body: str
    attributes: dict[str, str]
    tries: int = 0
    """How often the topic has refused it."""
    due_at: float = 0.0
    """When to try again, if it was refused."""
    last_error: str | None = None
    """The last refusal, for people."""


class BudgetExceeded(Exception):
    """A reservation would exceed a limit.

    ``scope`` is run, repository_day, day or key_day; ``needed`` and ``left`` are micro-dollars.
    """

    def __init__(self, scope: str, needed: int, left: int):
        name = scope.replace("_", " and ")
        needed_usd = to_usd(needed)
        left_usd = to_usd(max(left, 0))
        super().__init__(
            f"the {name} budget: ${needed_usd:.4f} needed at worst, ${left_usd:.4f} left"
        )
        self.scope = scope
        self.needed = needed
        self.left = left
