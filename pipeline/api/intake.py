"""The intake's work: queue a job and register it; show and cancel the caller's own."""

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
from pipeline.store.contract import Call, Registered, RunRow, Submission
from pipeline.store.store import RunStore

log = logging.getLogger(__name__)

#: Seconds that the queue or the store may take: a load balancer gives up after 60.
ANSWER_SECONDS = 15.0
RETRY_AFTER = 5
#: A job without news for so many seconds is put on the queue again when it is posted again: its
#: message may be lost.
QUIET_SECONDS = 900.0
#: Store calls at once.
THREADS = 4

T = TypeVar("T")


class Accepted(BaseModel):
    job_id: str
    generation: int | None = Field(
        description="null: a replay that is made once the run before it has ended"
    )
    status_url: str
    duplicate: bool = Field(description="this run was asked for before; nothing is spent twice")


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
            cost_usd=sum(call.micro_usd for call in calls) / 1e6,
            cancel_requested=run.cancel_requested,
            created_at=iso_time(run.created_at),
            finished_at=iso_time(run.finished_at) if run.finished_at else None,
            result=json.loads(run.result) if run.result else None,
        )


class Intake:
    """``send`` puts a job on the queue; ``clock`` is the store's.

    A key sees its own jobs: the others are 404.
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
        # Threads of its own: the runs keep those of the loop busy for minutes.
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="api")

    async def accept(self, job: FixIssueJob, owner: str, status_url: str) -> Accepted:
        """Send the message first, then write the row: a job that got a 202 is on the queue,
        whatever dies next.

        A job that is under way is not sent again, unless it has been silent for so long that its
        message may be lost. One that has finished is: its event is then published again. Where the
        store fails after the send, the answer is 503 although the job will run: only a row lets its
        sender see it, and the same request makes it.

        Raises:
            Refusal: 409 for another body, or another key's job, under this id; 503.
        """
        submission = Submission.of(job)
        newest = await self._find_newest(submission, owner)
        is_known = newest is not None and _is_asked_for(newest, submission)
        if newest is None or not is_known or not await self._is_under_way(newest):
            otherwise = "nothing was stored: send the request again"
            await _wait_for("queue", self._send(job), otherwise)
        run = await self._register(submission, owner)
        is_waiting = not _is_asked_for(run, submission)
        is_old = newest is not None and run.generation <= newest.generation
        return Accepted(
            job_id=job.id,
            generation=None if is_waiting else run.generation,
            status_url=status_url,
            duplicate=is_old and not is_waiting,
        )

    async def show(self, job_id: str, owner: str) -> JobView:
        """Return the newest run. Raises Refusal: 404, 503."""

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
        """Ask the run to stop; asking twice is asking once.

        Raises:
            Refusal: 404; 409 where it has ended; 503.
        """
        view = await self.show(job_id, owner)
        if not await self._call(lambda store: store.request_cancel(job_id)):
            outcome = view.outcome or "just now"
            message = f"job {job_id} has ended before: {outcome}"
            raise Refusal(409, "already_finished", message)
        return await self.show(job_id, owner)

    async def _find_newest(self, submission: Submission, owner: str) -> RunRow | None:
        """Return the job's newest run. Raises Refusal: 409 where this request may not have it."""

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

        otherwise = "the job is queued and will run; send the request again to see it"
        registered = await self._call(register, otherwise)
        _check_owner(registered.run, owner)
        if registered.body_differs:
            raise _other_body(submission.job_id)
        return registered.run

    async def _is_under_way(self, run: RunRow) -> bool:
        """Whether the run is unfinished, and had news a short while ago."""
        if run.state == "finished":
            return False
        history = await self._call(lambda store: store.history(run.key))
        latest = max((moment.at for moment in history), default=run.created_at)
        return self._clock() - latest < QUIET_SECONDS

    async def _call(
        self, call: Callable[[RunStore], T], otherwise: str = "send the request again"
    ) -> T:
        """Call the store in a thread. Raises Refusal: 503."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, call, self._store)
        return await _wait_for("store", future, otherwise)


async def _wait_for(service: str, response: Awaitable[T], otherwise: str) -> T:
    """Raises Refusal: 503 where the service is down or slow. A defect stays one."""
    try:
        with anyio.fail_after(ANSWER_SECONDS):
            return await response
    except Exception as error:
        if judge(error).family is not Family.RETRY:
            raise
        log.warning("the %s does not answer: %s", service, describe(error))
        message = f"the {service} does not answer; {otherwise}"
        raise Refusal(503, f"{service}_unavailable", message, retry_after=RETRY_AFTER) from error


def _stored_job(run: RunRow) -> FixIssueJob | None:
    """Return the job as stored; None where it was stored as invalid."""
    try:
        return parse_job(run.body)
    except ValueError:
        return None


def _is_asked_for(run: RunRow, submission: Submission) -> bool:
    """Whether the run is the one that the submission asks for: a replay asks for its own."""
    if submission.replay_id is None:
        return True
    stored = _stored_job(run)
    if stored is None or stored.replay is None:
        return False
    return stored.replay.id == submission.replay_id


def _check_owner(run: RunRow | None, owner: str) -> None:
    """Raises Refusal: 409 for another key's job. A job that came by the queue alone becomes the
    first key's that posts it.
    """
    if run is not None and run.owner not in (None, owner):
        message = f"job {run.job_id} belongs to another key; give a job_id of your own"
        raise Refusal(409, "conflict", message, field="job_id")


def _other_body(job_id: str) -> Refusal:
    message = (
        f"job {job_id} was asked for with another body, which stands; give another job_id, or send"
        " that body"
    )
    return Refusal(409, "conflict", message, field="job_id")
