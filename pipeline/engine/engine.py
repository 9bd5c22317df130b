"""Runs a pipeline for one delivery of a run, judges its errors, and decides the outcome once."""

import asyncio
import logging
import shutil
from dataclasses import dataclass

from pipeline.engine.checkpoints import OFFLOAD_BYTES, fingerprint
from pipeline.engine.work import CANCELLED, Parts, Progress, Work, storable
from pipeline.errors import Family, Interrupted, backoff, judge
from pipeline.job import FixIssueJob
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.run_key import RunKey
from pipeline.stage import Stop
from pipeline.store.contract import Claimed, ClaimedInvalid, Lease, RunRow

log = logging.getLogger(__name__)

#: Failed tries of one run, interruptions not counted, after which it ends as *failed*.
MAX_TRIES = 5


@dataclass(frozen=True)
class Ended:
    result: RunResult


@dataclass(frozen=True)
class Deferred:
    """The run is not over: deliver it again after ``delay`` seconds."""

    delay: float
    reason: str


class Engine:
    def __init__(self, parts: Parts):
        self._parts = parts
        self._store = parts.store

    async def execute(self, claimed: Claimed) -> Ended | Deferred:
        """Work on the run until it ends or must wait.

        Cancelled, it leaves the run at its last checkpoint, unless somebody asked for the run itself to be cancelled.

        Raises:
            LeaseLost: another delivery owns the run.
        """
        job = claimed.job
        work = Work(self._parts, claimed)
        try:
            stop = await work.until_stop()
        except asyncio.CancelledError:
            row = await asyncio.to_thread(
                self._store.run, claimed.lease.job_id, claimed.lease.generation
            )
            if (
                row is None
                or not row.cancel_requested
                or await asyncio.to_thread(self._parts.acted, claimed.lease)
            ):
                raise
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            stop = CANCELLED
        except Interrupted:
            raise
        except Exception as error:
            answer = await self._after_error(error, claimed.lease, work)
            if isinstance(answer, Deferred):
                return answer
            stop = answer
        seconds = work.elapsed
        result = await asyncio.to_thread(self._finish, claimed.lease, stop, job, seconds)
        self._parts.observer(
            Progress(
                "ended",
                result.job_id,
                result.generation,
                result.rounds,
                "",
                result.seconds,
                result.reason,
            )
        )
        return Ended(result)

    def reject(self, claimed: ClaimedInvalid) -> RunResult:
        """Decide *rejected* for a message that names an issue but is no valid job. Blocks; call it
        in a thread.
        """
        error = claimed.error
        stop = Stop(Outcome.REJECTED, str(error))
        return self._finish(claimed.lease, stop, None, 0.0, error.metadata)

    def give_up(self, claimed: Claimed, reason: str) -> RunResult:
        """Decide *failed* for a run that is not worked on any more. Blocks; call it in a thread."""
        return self._finish(claimed.lease, Stop(Outcome.FAILED, reason), claimed.job, 0.0)

    async def _after_error(self, error: Exception, lease: Lease, work: Work) -> Stop | Deferred:
        verdict = judge(error)
        if verdict.family is Family.STOP and verdict.outcome is not None:
            return Stop(verdict.outcome, verdict.reason)
        if verdict.family is Family.DEFECT:
            log.error("a defect stopped the run's try", exc_info=error)
        if not verdict.counts:
            return Deferred(verdict.delay or backoff(0), verdict.reason)
        tries = await asyncio.to_thread(
            self._store.count_try, lease, storable(verdict.reason), work.lap()
        )
        if tries >= MAX_TRIES:
            return Stop(
                Outcome.FAILED,
                f"{verdict.reason} (after {tries} tries); replay with a new replay id when mended",
            )
        return Deferred(
            verdict.delay if verdict.delay is not None else backoff(tries), verdict.reason
        )

    def _finish(
        self,
        lease: Lease,
        stop: Stop,
        job: FixIssueJob | None,
        seconds: float,
        metadata: dict[str, str] | None = None,
    ) -> RunResult:
        # Before the end is stored: nothing may hold the message once it is.
        shutil.rmtree(self._parts.workspace(lease), ignore_errors=True)
        row = self._store.run(lease.job_id, lease.generation)
        assert row is not None  # noqa: S101 (we hold its lease)
        facts = self._parts.facts(row).merged(stop.facts)
        result = RunResult(
            job_id=row.job_id,
            generation=row.generation,
            issue_url=row.issue_url,
            repository=row.repository,
            outcome=stop.outcome,
            reason=storable(stop.reason),
            verification=facts.verification,
            pull_request_url=facts.pull_request_url,
            pull_request_number=facts.pull_request_number,
            branch=facts.branch,
            base_sha=facts.base_sha,
            rounds=self._rounds_paid(row),
            cost_usd=sum(call.micro_usd for call in self._store.calls(row.key)) / 1e6,
            seconds=round(row.seconds + seconds, 3),
            metadata=job.metadata if job else metadata or {},
            templates=facts.templates,
            artifacts={
                name: self._parts.artifacts.address(key) for name, key in facts.artifacts.items()
            },
            trace=lease.key.trace,
        )
        result, event = self._small(result, Event.about(result, self._parts.now()))
        self._store.finish(lease, result, event, self._parts.policy.topic_of(job))
        return result

    def _small(self, result: RunResult, event: Event) -> tuple[RunResult, Event]:
        """Where the event is larger than SNS takes: the result becomes an artifact, and both only
        point to it.
        """
        if len(event.model_dump_json().encode()) <= OFFLOAD_BYTES:
            return result, event
        data = result.model_dump_json().encode()
        key = f"{RunKey(result.job_id, result.generation).prefix}/result-{fingerprint(data)}.json"
        self._parts.artifacts.put(key, data)
        address = self._parts.artifacts.address(key)
        result = result.pointing_to(address)
        return result, event.model_copy(update={"data": result, "dataref": address})

    def _rounds_paid(self, row: RunRow) -> int:
        return row.round if self._store.calls(row.key) else 0
