"""Runs one job in this process, without a queue, under a lease and a heartbeat as in a worker."""

import asyncio
from collections.abc import Callable

from pipeline.engine.engine import Deferred, Ended, Engine
from pipeline.errors import CredentialsRefused, LeaseLost
from pipeline.job import Job
from pipeline.outcome import Event
from pipeline.store.contract import Busy, Claimed, ClaimedInvalid, Finished, Submission
from pipeline.store.store import RunStore
from pipeline.threads import STORE
from pipeline.worker.execution import Execution
from pipeline.worker.heartbeat import Heartbeat

#: Seconds that the lease lasts; the heartbeat renews it three times in this period.
LEASE_SECONDS = 60.0


class AlreadyRunning(Exception):
    """The run can't begin here now; the message says what holds it or must happen first."""


def _ignore() -> None:
    pass


async def run_job(
    job: Job,
    store: RunStore,
    engine: Engine,
    *,
    on_wait: Callable[[float, str], None],
    on_other_body: Callable[[], None] = _ignore,
) -> tuple[Event, bool]:
    """Run a job to its end, waiting whenever it is deferred.

    Args:
        job: the job.
        store: where the run is claimed.
        engine: what runs it.
        on_wait: called with the seconds and the reason before each wait.
        on_other_body: called if the unfinished run was begun with other options, which it keeps.

    Returns:
        The run.finished event, and whether the run had already ended.

    Raises:
        CredentialsRefused: GitHub or the model refuses ours; the run continues when it is called
            again.
        AlreadyRunning: another process holds its lease, or an earlier generation has not ended.
    """
    with Heartbeat(LEASE_SECONDS / 3, lease_seconds=LEASE_SECONDS) as heartbeat:
        while True:
            claim = await STORE.run(store.claim, Submission.of(job), lease_seconds=LEASE_SECONDS)
            match claim:
                case Busy():
                    raise AlreadyRunning(await STORE.run(_why_busy, store, job.id))
                case Finished(run):
                    return Event.model_validate_json(run.event or ""), True
                case ClaimedInvalid():
                    await engine.reject(claim)
                    continue
            if claim.job.digest != job.digest:
                on_other_body()
            answer = await _deliver(claim, store, engine, heartbeat)
            if isinstance(answer, Ended):
                return await STORE.run(_read_event, store, claim), False
            if answer.credentials_refused:
                raise CredentialsRefused(answer.reason)
            on_wait(answer.delay, answer.reason)
            await asyncio.sleep(answer.delay)


def _why_busy(store: RunStore, job_id: str) -> str:
    newest = store.run(job_id)
    if newest is not None and newest.state == "queued":
        return (
            f"generation {newest.generation} has not ended: continue it (without --again), or"
            " cancel it"
        )
    return "another process is working on this job, or died less than a minute ago while doing so"


async def _deliver(
    claim: Claimed, store: RunStore, engine: Engine, heartbeat: Heartbeat
) -> Ended | Deferred:
    """Execute the run once, then release its lease, unless the run has ended."""
    lease = claim.lease
    execution = Execution()

    def beat() -> bool:
        return store.renew(lease, lease_seconds=LEASE_SECONDS)

    try:
        async with heartbeat.hold(lease.token, beat, execution.interrupt):
            answer = await execution.run(lambda: engine.execute(claim))
    except LeaseLost as error:
        raise AlreadyRunning(f"another process has taken over this job: {error}") from error
    finally:
        await STORE.run(store.release, lease)
    if answer is None:
        raise asyncio.CancelledError
    return answer


def _read_event(store: RunStore, claim: Claimed) -> Event:
    run = store.run(claim.lease.key.job_id, claim.lease.key.generation)
    assert run is not None  # noqa: S101 (it was just claimed)
    return Event.model_validate_json(run.event or "")
