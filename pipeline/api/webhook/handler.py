"""Doing what an event asks for: queue its job, or cancel jobs."""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from pipeline.api.intake import Intake
from pipeline.api.keys import Caller
from pipeline.api.problem import Refusal
from pipeline.api.services import ServiceThreads
from pipeline.api.webhook.triggers import (
    CancelRequest,
    Ignored,
    Rules,
    Trigger,
    read_trigger,
)
from pipeline.api_keys import WEBHOOK_OWNER, KeyLimits
from pipeline.github import ForgeRefused
from pipeline.job import AddressReviewJob, FixIssueJob, Job, Replay, explain
from pipeline.store.contract import RunRow

#: The owner of the webhook's jobs. It may ask for another run of a job of any sender: the issue is
#: the same, and so is the job.
CALLER = Caller(WEBHOOK_OWNER, KeyLimits(operator=True))
#: Seconds after which an event is too old to begin something: GitHub itself repeats a delivery for
#: three days at most, and a signature is valid for ever.
MAX_AGE_SECONDS = 7 * 86_400.0
_ADVICE = "redeliver the event later"
#: Statuses of the intake by which it does not accept a job, although the event was understood.
_NOT_ACCEPTED = (403, 409, 422)


class Answer(BaseModel):
    """What came of an event."""

    action: Literal["pong", "queued", "cancelled", "ignored"]
    job_ids: list[str] = Field([], description="the jobs that were queued or cancelled")
    reason: str | None = Field(None, description="why the event was ignored")

    @property
    def status(self) -> int:
        return 202 if self.action in ("queued", "cancelled") else 200


class GithubWebhook:
    """The events of GitHub. A redelivered event starts nothing that it has started before."""

    def __init__(
        self,
        intake: Intake,
        rules_of: Callable[[str], Rules],
        has_open_pull: Callable[[FixIssueJob], bool],
        clock: Callable[[], float],
    ):
        """Args:
        rules_of: returns what the deployment reacts to in a repository; may block, since GitHub is
            asked whose account the service works with.
        has_open_pull: returns whether a pull request of the job is open; may block.
        clock: the store's.
        """
        self._intake = intake
        self._rules_of = rules_of
        self._has_open_pull = has_open_pull
        self._clock = clock
        self._threads = ServiceThreads()

    async def read(self, event: str, body: bytes) -> Trigger:
        """Return what an event asks for.

        Raises:
            Refusal: 422 if the payload is not one of this kind of event; 503 if GitHub does not
                answer.
        """
        try:
            # In a thread: the Markdown of a long comment takes a moment, too.
            return await self._threads.call(
                "GitHub", lambda: read_trigger(event, body, self._rules_of), _ADVICE
            )
        except ValidationError as error:
            message = f"the payload is not one of a {event} event: {explain(error)}"
            raise Refusal(422, "invalid_payload", message) from error
        except ForgeRefused as error:
            return Ignored(str(error))

    async def perform(self, trigger: Trigger) -> Answer:
        """Do what an event asks for.

        Raises:
            Refusal: 503 if the queue or the store is down: GitHub shows the delivery as failed, and
                it can be redelivered.
        """
        if isinstance(trigger, CancelRequest):
            return await self._cancel(trigger)
        if isinstance(trigger, FixIssueJob | AddressReviewJob):
            return await self._queue_once(trigger)
        return Answer(action="ignored", reason=trigger.reason)

    async def _cancel(self, request: CancelRequest) -> Answer:
        job_ids = await self._intake.cancel_numbered(request.number, request.repository)
        if not job_ids:
            reason = f"no unfinished job works on {request.repository}#{request.number}"
            return Answer(action="ignored", reason=reason)
        return Answer(action="cancelled", job_ids=job_ids)

    async def _queue_once(self, job: Job) -> Answer:
        """Queue the job, unless its event has already led to a run that has ended."""
        if self._is_old(job):
            return Answer(action="ignored", reason="the event is older than a week")
        newest = await self._intake.newest_run(job.id)
        if newest is None or newest.finished_at is None:
            return await self._queue(job)
        if isinstance(job, FixIssueJob) and _time_of(job) > newest.finished_at:
            return await self._run_again(job, newest)
        reason = f"job {newest.job_id} has ended since: {newest.outcome}"
        return Answer(action="ignored", reason=reason)

    def _is_old(self, job: Job) -> bool:
        """Return whether an event came too late. A review's request ends when it is answered."""
        if not isinstance(job, FixIssueJob):
            return False
        return self._clock() - _time_of(job) > MAX_AGE_SECONDS

    async def _run_again(self, job: FixIssueJob, newest: RunRow) -> Answer:
        """Queue one more run: whoever asks once a run has ended wants another one.

        Not if its pull request is open: a comment there is answered by a smaller job.
        """
        try:
            is_open = await self._threads.call("GitHub", lambda: self._has_open_pull(job), _ADVICE)
        except ForgeRefused as error:
            return Answer(action="ignored", reason=str(error))
        if is_open:
            reason = f"a pull request of job {job.id} is open: ask for changes there"
            return Answer(action="ignored", reason=reason)
        return await self._queue(_again(job, newest))

    async def _queue(self, job: Job) -> Answer:
        try:
            accepted = await self._intake.accept(job, CALLER, f"/jobs/{job.id}", None)
        except Refusal as refusal:
            if refusal.status not in _NOT_ACCEPTED:
                raise
            return Answer(action="ignored", reason=refusal.message)
        return Answer(action="queued", job_ids=[accepted.job_id])


def _time_of(job: FixIssueJob) -> float:
    """Return when the event of the job happened, in seconds since the epoch."""
    assert job.requested_at is not None  # noqa: S101 (each job of an event has it)
    return job.requested_at.timestamp()


def _again(job: FixIssueJob, newest: RunRow) -> FixIssueJob:
    """Return the job as a request for the next run after its newest one.

    All requests between the end of one run and that of the next have the same replay id, so that
    they are one run.
    """
    replay = Replay(id=f"{CALLER.name}-after-{newest.generation}")
    return job.model_copy(update={"replay": replay})
