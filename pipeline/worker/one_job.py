"""One job in this process, without a queue: the worker's promises, a lease and a heartbeat
included.
"""

import asyncio
from collections.abc import Callable

from pipeline.engine.engine import Deferred, Engine
from pipeline.errors import LeaseLost
from pipeline.job import FixIssueJob
from pipeline.outcome import Event
from pipeline.store.contract import Busy, Claimed, ClaimedInvalid, Finished, Submission
from pipeline.store.store import RunStore
from pipeline.worker.execution import Execution
from pipeline.worker.heartbeat import Heartbeat

#: Seconds that the lease holds; the heartbeat renews it three times in that.
LEASE_SECONDS = 60.0


class AlreadyRunning(Exception):
    """The run can't be begun here now; the text says who has it, or what comes first."""


async def run_job(
    job: FixIssueJob,
    store: RunStore,
    engine: Engine,
    *,
    on_wait: Callable[[float, str], None],
    on_other_body: Callable[[], None] = lambda: None,
) -> tuple[Event, bool]:
    """Run a job to its end; waits, telling ``on_wait`` (seconds, why), where it is to be tried again later.

    ``on_other_body``: the unfinished run was begun with other options, which stand. Gives its run.finished event, and
    whether the run had ended before.

    Raises:
        AlreadyRunning: another process holds its lease, or an earlier generation has not ended.
    """
    with Heartbeat(LEASE_SECONDS / 3, lease_seconds=LEASE_SECONDS) as heartbeat:
        while True:
            claim = await asyncio.to_thread(
                store.claim, Submission.of(job), lease_seconds=LEASE_SECONDS
            )
            if isinstance(claim, Busy):
                raise AlreadyRunning(await asyncio.to_thread(_why_busy, store, job.id))
            if isinstance(claim, Finished):
                return Event.model_validate_json(claim.run.event or ""), True
            if isinstance(claim, ClaimedInvalid):
                await engine.reject(claim)
                continue
            if claim.job.digest != job.digest:
                on_other_body()
            answer = await _attempt(claim, store, engine, heartbeat)
            if answer is None:
                finished = await asyncio.to_thread(
                    store.run, claim.lease.job_id, claim.lease.generation
                )
                assert finished is not None  # noqa: S101 (it was just claimed)
                return Event.model_validate_json(finished.event or ""), False
            on_wait(answer.delay, answer.reason)
            await asyncio.sleep(answer.delay)


def _why_busy(store: RunStore, job_id: str) -> str:
    newest = store.run(job_id)
    if newest is not None and newest.state == "queued":
        return (
            f"generation {newest.generation} has not ended: go on with it (without --again), or"
            " cancel it"
        )
    return "another process works on this job, or died on it less than a minute ago"


async def _attempt(
    claim: Claimed, store: RunStore, engine: Engine, heartbeat: Heartbeat
) -> Deferred | None:
    """Execute one delivery. None: the run has ended. In every other case its lease is released."""
    lease = claim.lease
    execution = Execution()

    def beat() -> bool:
        return store.renew(lease, lease_seconds=LEASE_SECONDS)

    try:
        async with heartbeat.hold(lease.token, beat, execution.interrupt):
            answer = await execution.run(lambda: engine.execute(claim))
    except LeaseLost as error:
        raise AlreadyRunning(f"another process took this job over: {error}") from error
    finally:
        await asyncio.to_thread(store.release, lease)
    if answer is None:
        raise asyncio.CancelledError
    return answer if isinstance(answer, Deferred) else None
