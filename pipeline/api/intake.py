"""The intake's operations: queue and register a job; show and cancel the caller's own jobs."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio
from pydantic import BaseModel, Field

from pipeline.api.problem import Refusal
from pipeline.clock import iso_time
from pipeline.errors import Family, describe, judge
from pipeline.job import FixIssueJob, parse_job
from pipeline.money import to_usd
from pipeline.store.contract import Call, Registered, RunRow, Submission
from pipeline.store.store import RunStore

log = logging.getLogger(__name__)

#: Seconds that the queue or the store may take: a load balancer gives up after 60.
ANSWER_SECONDS = 15.0
RETRY_AFTER = 5
#: If a job has had no activity for this many seconds, posting it again also queues it again, since
#: its message may be lost.
QUIET_SECONDS = 900.0
#: Maximum number of concurrent store calls.
THREADS = 4

T = TypeVar("T")


class Accepted(BaseModel):
    job_id: str
    generation: int | None = Field(
        description="null for a replay that begins once the previous run has ended"
    )
    status_url: str
    duplicate: bool = Field(description="this run was already requested; nothing is spent twice")


class JobView(BaseModel):
    """The newest run of a job."""

    job_id: str
    generation: int
    issue_url: str
    repository: str
    state: str = Field(description="queued, running or finished")
    outcome: str | None
    reason: str | None
    round: int
    seconds: float = Field(description="seconds of work, waiting left out")
    cost_usd: float = Field(description="US dollars spent and reserved so far")
    cancel_requested: bool
    created_at: str
    finished_at: str | None
    result: dict[str, Any] | None = Field(description="the data of the run.finished event")

    @classmethod
    def of(cls, run: RunRow, calls: list[Call]) -> "JobView":
        return cls(
            job_id=run.job_id,
            generation=run.generation,
            issue_url=run.issue_url,
            repository=run.repository,
            state=run.state,
            outcome=run.outcome,
            reason=run.reason,
            round=run.round,
            seconds=run.seconds,
            cost_usd=to_usd(sum(call.micro_usd for call in calls)),
            cancel_requested=run.cancel_requested,
            created_at=iso_time(run.created_at),
            finished_at=iso_time(run.finished_at) if run.finished_at else None,
            result=json.loads(run.result) if run.result else None,
        )


class Intake:
    """The operations on jobs. ``send`` puts a job on the queue; ``clock`` is the store's.

    A key only sees its own jobs: others are 404.
    """

    def __init__(
        self,
        store: RunStore,
        send: Callable[[FixIssueJob], Awaitable[object]],
        clock: Callable[[], float],
    ):
        self._store = store
        self._send = send
        self._clock = clock
        # A separate pool: runs keep the event loop's default threads busy for minutes.
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="api")

    async def accept(self, job: FixIssueJob, owner: str, status_url: str) -> Accepted:
        """Queue a job and register it.

        The message is sent before the row is written, so a job that got a 202 is on the queue,
        whatever fails next.

        A job in progress is not sent again, unless it has been quiet for so long that its message
        may be lost. A finished job is sent again, which publishes its event again. If the store
        fails after the send, the response is 503 although the job will run: its sender can only see
        it once it has a row, and repeating the request creates that.

        Raises:
            Refusal: 409 if the id belongs to another body or to another key's job; 503.
        """
        submission = Submission.of(job)
        newest = await self._find_newest(submission, owner)
        is_known = newest is not None and _is_requested(newest, submission)
        if newest is None or not is_known or not await self._is_under_way(newest):
            advice = "nothing was stored: send the request again"
            await _wait_for("queue", self._send(job), advice)
        run = await self._register(submission, owner)
        is_waiting = not _is_requested(run, submission)
        is_old = newest is not None and run.generation <= newest.generation
        return Accepted(
            job_id=job.id,
            generation=None if is_waiting else run.generation,
            status_url=status_url,
            duplicate=is_old and not is_waiting,
        )

    async def show(self, job_id: str, owner: str) -> JobView:
        """Return the job's newest run. Raises Refusal: 404, 503."""

        def read(store: RunStore) -> JobView | None:
            run = store.run(job_id)
            if run is None or run.owner != owner:
                return None
            return JobView.of(run, store.calls(run.key))

        view = await self._call(read)
        if view is None:
            raise Refusal(404, "not_found", "this key has no such job")
        return view

    async def cancel(self, job_id: str, owner: str) -> JobView:
        """Ask the run to stop. Idempotent.

        Raises:
            Refusal: 404; 409 if the run has ended; 503.
        """
        view = await self.show(job_id, owner)
        if not await self._call(lambda store: store.request_cancel(job_id)):
            outcome = view.outcome or "just now"
            message = f"job {job_id} has already ended: {outcome}"
            raise Refusal(409, "already_finished", message)
        return await self.show(job_id, owner)

    async def _find_newest(self, submission: Submission, owner: str) -> RunRow | None:
        """Return the job's newest run. Raises Refusal: 409 if the request conflicts with it."""

        def read(store: RunStore) -> tuple[RunRow | None, RunRow | None]:
            job_id = submission.job_id
            return store.run(job_id, 0), store.run(job_id)

        first, newest = await self._call(read)
        _check_owner(newest, owner)
        if first is not None:
            stored = _stored_job(first)
            if stored is None or stored.digest != submission.digest:
                raise _other_body(submission.job_id)
        return newest

    async def _register(self, submission: Submission, owner: str) -> RunRow:
        def register(store: RunStore) -> Registered:
            return store.register(submission, owner=owner)

        advice = "the job is queued and will run; send the request again to see it"
        registered = await self._call(register, advice)
        _check_owner(registered.run, owner)
        if registered.body_differs:
            raise _other_body(submission.job_id)
        return registered.run

    async def _is_under_way(self, run: RunRow) -> bool:
        """Return whether the run is unfinished and has had recent activity."""
        if run.state == "finished":
            return False
        history = await self._call(lambda store: store.history(run.key))
        latest = max((moment.at for moment in history), default=run.created_at)
        return self._clock() - latest < QUIET_SECONDS

    async def _call(
        self, call: Callable[[RunStore], T], advice: str = "send the request again"
    ) -> T:
        """Call the store in a thread. Raises Refusal: 503."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, call, self._store)
        return await _wait_for("store", future, advice)


async def _wait_for(service: str, response: Awaitable[T], advice: str) -> T:
    """Await a response. Raises Refusal (503) if the service is down or slow; a defect passes."""
    try:
        with anyio.fail_after(ANSWER_SECONDS):
            return await response
    except Exception as error:
        if judge(error).family not in (Family.RETRY, Family.WAIT):
            raise
        log.warning("the %s does not answer: %s", service, describe(error))
        message = f"the {service} does not answer; {advice}"
        raise Refusal(503, f"{service}_unavailable", message, retry_after=RETRY_AFTER) from error


def _stored_job(run: RunRow) -> FixIssueJob | None:
    """Parse the stored job; None if it is invalid."""
    try:
        return parse_job(run.body)
    except ValueError:
        return None


def _is_requested(run: RunRow, submission: Submission) -> bool:
    """Return whether this is the run that the submission requests: a replay requests its own."""
    if submission.replay_id is None:
        return True
    stored = _stored_job(run)
    if stored is None or stored.replay is None:
        return False
    return stored.replay.id == submission.replay_id


def _check_owner(run: RunRow | None, owner: str) -> None:
    """Raise Refusal (409) for another key's job. A job that only came through the queue will belong
    to the first key that posts it.
    """
    if run is not None and run.owner not in (None, owner):
        message = f"job {run.job_id} belongs to another key; give a job_id of your own"
        raise Refusal(409, "conflict", message, field="job_id")


def _other_body(job_id: str) -> Refusal:
    message = (
        f"job {job_id} was first requested with another body; use another job_id, or send that body"
    )
    return Refusal(409, "conflict", message, field="job_id")
