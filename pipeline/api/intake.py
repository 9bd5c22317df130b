"""What the requests do: read a job, queue it, register it; show and cancel the caller's own."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.api.answers import Accepted, JobView, Refusal
from pipeline.errors import Family, describe, judge
from pipeline.job import FixIssueJob, InvalidJob, NewerSchema, UnreadableMessage, parse_job
from pipeline.store.contract import Registered, RunRow, RunStore, Submission

log = logging.getLogger(__name__)

#: Seconds that the queue or the store may take: a load balancer gives up after 60.
ANSWER_SECONDS = 15.0
RETRY_AFTER = 5
#: A job without news for so many seconds is put on the queue again when it is asked for again: its
#: message may be lost.
QUIET_SECONDS = 900.0

T = TypeVar("T")


def read_job(body: bytes) -> FixIssueJob:
    """Stricter than a message's reading: a key given twice, NaN, or text that SQS refuses is told, not guessed at.

    Raises:
        Refusal: 422; one message, and the first field that is wrong.
    """
    try:
        json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refuse)
        job = parse_job(body)
    except InvalidJob as error:
        cause = error.__cause__
        where = (
            cause.errors(include_url=False, include_input=False)[0]["loc"]
            if isinstance(cause, ValidationError)
            else ()
        )
        raise Refusal(
            422, "invalid_job", str(error), field=".".join(map(str, where))[:200] or None
        ) from error
    except UnreadableMessage as error:
        field = "issue_url" if str(error).startswith("issue_url") else None
        raise Refusal(422, "invalid_job", str(error), field=field) from error
    except NewerSchema as error:
        raise Refusal(422, "invalid_job", str(error), field="schema_version") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(422, "invalid_json", f"the body is not JSON: {error}") from error
    for name, value in job.model_dump(mode="json").items():
        if any(refused in json.dumps(value, ensure_ascii=False) for refused in "\ufffe\uffff"):
            raise Refusal(
                422,
                "invalid_job",
                f"{name}: holds U+FFFE or U+FFFF, which SQS takes in no message",
                field=name,
            )
    return job


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refusal(422, "invalid_json", f"{name[:200]}: given twice", field=name[:200])
        found[name] = value
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of its")


class Intake:
    """``send`` puts a job on the queue; ``clock`` is the store's. A key sees its own jobs: the
    others are 404.
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
        # Its own threads: the runs keep those of the loop busy for minutes.
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="api")

    async def accept(self, job: FixIssueJob, owner: str, status_url: str) -> Accepted:
        """SendMessage first, then the row: a job that was answered with 202 is on the queue, whatever dies next.

        A job that is under way is not sent again, unless it has been silent for so long that its message may be lost.
        One that has finished is: its event is then published again. Where the store fails after the send, the answer
        is 503 although the job will run: only a row lets its sender see it, and the same request makes it.

        Raises:
            Refusal: 409 for another body, or another key's job, under this id; 503.
        """
        asked = Submission.of(job)
        first, newest = await self._ask(lambda store: (store.run(job.id, 0), store.run(job.id)))
        _own(job.id, newest, owner)
        if first is not None and ((stored := _job(first)) is None or stored.digest != asked.digest):
            raise _differs(job.id)
        if newest is None or not _asked_for(newest, asked) or not await self._on_its_way(newest):
            await _answered("queue", self._send(job), "nothing was stored: send the request again")

        def register(store: RunStore) -> Registered:
            return store.register(asked, owner=owner)

        registered = await self._ask(
            register, "the job is queued and will run; send the request again to see it"
        )
        run = registered.run
        _own(job.id, run, owner)
        if registered.body_differs:
            raise _differs(job.id)
        waits = not _asked_for(run, asked)
        known = newest is not None and run.generation <= newest.generation and not waits
        return Accepted(
            job_id=job.id,
            generation=None if waits else run.generation,
            status_url=status_url,
            duplicate=known,
        )

    async def show(self, job_id: str, owner: str) -> JobView:
        """Raises Refusal: 404, 503."""

        def look(store: RunStore) -> JobView | None:
            run = store.run(job_id)
            return JobView.of(run, store.calls(run.key)) if run and run.owner == owner else None

        if (view := await self._ask(look)) is None:
            raise Refusal(404, "not_found", "this key has no such job")
        return view

    async def cancel(self, job_id: str, owner: str) -> JobView:
        """Ask the run to stop; asking twice is asking once.

        Raises:
            Refusal: 404; 409 where it has ended; 503.
        """
        before = await self.show(job_id, owner)
        if not await self._ask(lambda store: store.request_cancel(job_id)):
            raise Refusal(
                409,
                "already_finished",
                f"job {job_id} has ended before: {before.outcome or 'just now'}",
            )
        return await self.show(job_id, owner)

    async def _on_its_way(self, run: RunRow) -> bool:
        if run.state == "finished":
            return False
        history = await self._ask(lambda store: store.history(run.key))
        return (
            self._clock() - max((told.at for told in history), default=run.created_at)
            < QUIET_SECONDS
        )

    async def _ask(
        self, call: Callable[[RunStore], T], otherwise: str = "send the request again"
    ) -> T:
        asked = asyncio.get_running_loop().run_in_executor(self._pool, call, self._store)
        return await _answered("store", asked, otherwise)


async def _answered(what: str, answer: Awaitable[T], otherwise: str) -> T:
    """Raises Refusal: 503 where ``what`` is down or slow. A defect stays one."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answer
    except Exception as error:
        if judge(error).family is not Family.RETRY:
            raise
        log.warning("the %s does not answer: %s", what, describe(error))
        message = f"the {what} does not answer; {otherwise}"
        raise Refusal(503, f"{what}_unavailable", message, retry_after=RETRY_AFTER) from error


def _job(run: RunRow) -> FixIssueJob | None:
    """The job as stored; None where it was stored as invalid."""
    try:
        return parse_job(run.body)
    except ValueError:
        return None


def _asked_for(run: RunRow, asked: Submission) -> bool:
    """False: a replay was asked for, and this is the run of another, or of none."""
    if asked.replay_id is None:
        return True
    stored = _job(run)
    return stored is not None and stored.replay is not None and stored.replay.id == asked.replay_id


def _own(job_id: str, run: RunRow | None, owner: str) -> None:
    """A job that came by the queue alone becomes the first key's that posts it."""
    if run is not None and run.owner not in (None, owner):
        raise Refusal(
            409,
            "conflict",
            f"job {job_id} belongs to another key; give a job_id of your own",
            field="job_id",
        )


def _differs(job_id: str) -> Refusal:
    message = (
        f"job {job_id} was asked for with another body, which stands; give another job_id, or send"
        " that body"
    )
    return Refusal(409, "conflict", message, field="job_id")
