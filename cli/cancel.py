"""End a cancelled run that no worker will look at: `fix` was interrupted and there is no queue."""

import asyncio
import time

from cli.policy import ceiling
from cli.run_page import page_maker
from pipeline.artifacts import Artifacts
from pipeline.engine.ending import Ending, finish
from pipeline.engine.run_page import MakePage
from pipeline.job import InvalidJob, Job, parse_job
from pipeline.leased_run import LeasedRun
from pipeline.outcome import Outcome
from pipeline.settings import Settings
from pipeline.stage import Stop
from pipeline.store.contract import Claimed, RunRow, Submission
from pipeline.store.store import RunStore
from pipeline.telemetry.spans import NoTracer
from stages.order import ORDERS

#: Seconds. Making the run's page may take 20 of them.
_LEASE_SECONDS = 60.0


def end_cancelled(store: RunStore, artifacts: Artifacts, run: RunRow, settings: Settings) -> bool:
    """End the run as cancelled if only `fix` could continue it. Return whether it has ended.

    A run that has pushed, or intended to, is not ended: its outcome must name the result.
    """
    job = _read_job(run)
    if job is None or (settings.queue_url and not job.subject.is_local):
        return False
    claim = store.claim(Submission.of(job), lease_seconds=_LEASE_SECONDS)
    if not isinstance(claim, Claimed):
        return False
    try:
        leased = LeasedRun(store, artifacts, claim.lease, time.time)
        make_page = page_maker(store, artifacts, ceiling(settings), settings)
        return asyncio.run(_end(leased, job, settings, make_page))
    finally:
        store.release(claim.lease)


async def _end(leased: LeasedRun, job: Job, settings: Settings, make_page: MakePage) -> bool:
    if await leased.has_effects():
        return False
    ending = Ending(Stop(Outcome.CANCELLED, "cancelled on request"), metadata=job.metadata, job=job)
    await finish(
        leased,
        ending,
        result_types=ORDERS[job.type].result_types,
        topic_of=lambda _job: settings.topic_arn,
        tracer=NoTracer(),
        make_page=make_page,
        progress_comment=None,
    )
    return True


def _read_job(run: RunRow) -> Job | None:
    try:
        return parse_job(run.body)
    except InvalidJob:
        return None
