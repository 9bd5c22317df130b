"""One job in this process, without a queue: the worker's promises, a lease and a heartbeat included."""

import asyncio
from collections.abc import Callable

from pipeline.engine import Deferred, Engine
from pipeline.job import FixIssueJob
from pipeline.outcome import Event
from pipeline.queue.heartbeat import Heartbeat
from pipeline.store.base import Busy, Claimed, Finished, RunStore, Submission

#: Seconds that the lease holds; the heartbeat renews it three times in that.
LEASE_SECONDS = 60.0


class AlreadyRunning(Exception):
    """Another process works on the job."""


async def run_job(
    job: FixIssueJob, store: RunStore, engine: Engine, *, on_wait: Callable[[float, str], None]
) -> tuple[Event, bool]:
    """Run a job to its end; waits, telling ``on_wait`` (seconds, why), where it is to be tried again later.

    Gives its run.finished event, and whether the run had ended before.

    Raises:
        AlreadyRunning: another process holds its lease.
    """
    with Heartbeat(LEASE_SECONDS / 3, lease_seconds=LEASE_SECONDS) as heartbeat:
        while True:
            claim = await asyncio.to_thread(store.claim, Submission.of(job), lease_seconds=LEASE_SECONDS)
            if isinstance(claim, Busy):
                raise AlreadyRunning("another process works on this job, or died on it less than a minute ago")
            if isinstance(claim, Finished):
                return Event.model_validate_json(claim.run.event or ""), True
            answer = await _attempt(claim, store, engine, heartbeat)
            if answer is None:
                finished = await asyncio.to_thread(store.run, claim.lease.job_id, claim.lease.generation)
                assert finished is not None  # noqa: S101 (it was just claimed)
                return Event.model_validate_json(finished.event or ""), False
            on_wait(answer.delay, answer.reason)
            await asyncio.sleep(answer.delay)


async def _attempt(claim: Claimed, store: RunStore, engine: Engine, heartbeat: Heartbeat) -> Deferred | None:
    """One delivery. None: the run has ended. The lease is given back in every other case."""
    loop, lease = asyncio.get_running_loop(), claim.lease
    work = asyncio.ensure_future(engine.execute(claim))
    stop = lambda *_: loop.call_soon_threadsafe(work.cancel)  # noqa: E731
    heartbeat.watch(lease.token, lambda: store.renew(lease, lease_seconds=LEASE_SECONDS), on_lost=stop, on_cancel=stop)
    try:
        answer = await work
    finally:
        await asyncio.to_thread(heartbeat.unwatch, lease.token)
        await asyncio.to_thread(store.release, lease)
    return answer if isinstance(answer, Deferred) else None
