"""The intake's operations: queue and register a job; show and cancel the caller's own jobs."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from pipeline.api.keys import Caller
from pipeline.api.problem import Refusal
from pipeline.api.services import ServiceThreads, wait_for
from pipeline.clock import iso_time
from pipeline.job import Job, JobRefusal
from pipeline.money import to_usd
from pipeline.store.contract import Call, Registration, RunRow, Submission
from pipeline.store.store import RunStore

#: If a job has had no activity for this many seconds, posting it again also queues it again, since
#: its message may be lost.
QUIET_SECONDS = 900.0
#: What to do about a job that has ended.
AGAIN = (
    "this run has ended, and its event is published again; to run the job once more, send it with a"
    ' new replay.id, such as "replay": {"id": "2"}'
)
T = TypeVar("T")


class Accepted(BaseModel):
    job_id: str
    generation: int | None = Field(
        description="null for a replay that begins once the previous run has ended"
    )
    status_url: str
    duplicate: bool = Field(description="this run was already requested; nothing is spent twice")
    state: str = Field(description="the run's: queued, running or finished")
    outcome: str | None = Field(None, description="how the run ended, if it has")
    reason: str | None = Field(None, description="why it ended so, in one sentence")
    advice: str | None = Field(None, description="how to run a job again that has ended")


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
    """The operations on jobs.

    A key sees its own jobs only: those of other keys, and those that were sent to the queue, are
    404, except for an operator's key.
    """

    def __init__(
        self,
        store: RunStore,
        send: Callable[[Job, str, str | None], Awaitable[object]],
        refusal: Callable[[Job], JobRefusal | None],
        clock: Callable[[], float],
    ):
        """Args:
        send: puts a job, the name of its owner and its traceparent on the queue.
        refusal: returns why this deployment does not accept a job; may block.
        clock: the store's.
        """
        self._store = store
        self._send = send
        self._refusal = refusal
        self._clock = clock
        self._threads = ServiceThreads()

    async def accept(
        self, job: Job, caller: Caller, status_url: str, traceparent: str | None
    ) -> Accepted:
        """Queue a job and register it.

        ``traceparent`` is the header of the request; one that is invalid is ignored.

        The message is sent before the row is written, so a job that got a 202 is on the queue,
        whatever fails next.

        A job in progress is not sent again, unless it has been quiet for so long that its message
        may be lost. A finished job is sent again, which publishes its event again. If the store
        fails after the send, the response is 503 although the job will run: its sender can only see
        it once it has a row, and repeating the request creates that.

        Raises:
            Refusal: 403 if the key may not ask for this; 409 if the id belongs to another body or
                to another sender's job; 422 if this deployment does not accept the job; 503.
        """
        beyond_limits = caller.limits.refusal(job)
        if beyond_limits is not None:
            raise Refusal(403, "forbidden", beyond_limits.reason, field=beyond_limits.field)
        submission = Submission.of(job, owner=caller.name, traceparent=traceparent)
        existing = await self._call(lambda store: store.find(submission))
        await self._check(existing, job, caller)
        if existing.run is None or not await self._is_under_way(existing.run):
            advice = "nothing was stored: send the request again"
            sending = self._send(job, caller.name, submission.traceparent)
            await wait_for("queue", sending, advice)
        advice = "the job is queued and will run; send the request again to see it"
        registered = await self._call(lambda store: store.register(submission), advice)
        await self._check(registered, job, caller)
        return _accepted(job, registered.run, status_url, duplicate=existing.run is not None)

    async def _check(self, stored: Registration, job: Job, caller: Caller) -> None:
        """Raise Refusal if the request conflicts with what is stored, or is not accepted at all.

        A run that exists is not refused because of a setting that has changed since.
        """
        _check_owner(stored.newest, caller)
        if stored.run is None or stored.body_differs:
            refusal = await self._threads.call("templates", lambda: self._refusal(job))
            if refusal is not None:
                raise Refusal(422, "not_allowed", refusal.reason, field=refusal.field)
        if stored.body_differs:
            raise _other_body(job)

    async def show(self, job_id: str, caller: Caller) -> JobView:
        """Return the job's newest run. Raises Refusal: 404, 503."""

        def read(store: RunStore) -> JobView | None:
            run = store.run(job_id)
            if run is None or not caller.may_see(run):
                return None
            return JobView.of(run, store.calls(run.key))

        view = await self._call(read)
        if view is None:
            raise Refusal(404, "not_found", "this key has no such job")
        return view

    async def newest_run(self, job_id: str) -> RunRow | None:
        """Return the job's newest run, whoever sent the job. Raises Refusal: 503."""
        return await self._call(lambda store: store.run(job_id))

    async def cancel(self, job_id: str, caller: Caller) -> JobView:
        """Ask the run to stop. Idempotent.

        Raises:
            Refusal: 404; 409 if the run has ended; 503.
        """
        view = await self.show(job_id, caller)
        if not await self._call(lambda store: store.request_cancel(job_id)):
            outcome = view.outcome or "just now"
            message = f"job {job_id} has already ended: {outcome}"
            raise Refusal(409, "already_finished", message)
        return await self.show(job_id, caller)

    async def cancel_numbered(self, number: int, repository: str) -> list[str]:
        """Ask all runs on an issue or a pull request to stop, whoever sent their jobs. Idempotent.

        Returns:
            The ids of their jobs; of those that have ended, none.

        Raises:
            Refusal: 503.
        """

        def request_cancels(store: RunStore) -> list[str]:
            job_ids = store.jobs_numbered(number, repository)
            return [job_id for job_id in job_ids if store.request_cancel(job_id)]

        return await self._call(request_cancels)

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
        return await self._threads.call("store", lambda: call(self._store), advice)


def _accepted(job: Job, run: RunRow | None, status_url: str, *, duplicate: bool) -> Accepted:
    """Return the answer about the job's run, which is None for a replay that must wait."""
    has_ended = run is not None and run.state == "finished"
    return Accepted(
        job_id=job.id,
        generation=run.generation if run is not None else None,
        status_url=status_url,
        duplicate=duplicate,
        state=run.state if run is not None else "queued",
        outcome=run.outcome if run is not None else None,
        reason=run.reason if run is not None else None,
        advice=AGAIN if has_ended else None,
    )


def _check_owner(newest: RunRow | None, caller: Caller) -> None:
    """Raise Refusal (409) for another key's job, and for one that was sent to the queue.

    The response only says that the id is taken.
    """
    if newest is not None and not caller.may_see(newest):
        message = f"job {newest.job_id} belongs to another sender; give a job_id of your own"
        raise Refusal(409, "conflict", message, field="job_id")


def _other_body(job: Job) -> Refusal:
    if job.replay is not None:
        message = f"replay {job.replay.id} was first requested with another body; use another id"
        return Refusal(409, "conflict", message, field="replay.id")
    message = (
        f"job {job.id} was requested with another body, which stands; send that body, ask for"
        " another run with replay.id, or use another job_id"
    )
    return Refusal(409, "conflict", message, field="job_id")
