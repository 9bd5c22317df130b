"""The engine: one delivery's work on a run, and how it ends.

Engine.execute
  └─ RunLoop.run                        until a stage stops the run
       └─ for each round: every stage   has a valid stored result: restore it
                                        has none: run it, store its result
                                        returns Back: open the next round
  └─ an error: retry later (Deferred), or end the run
  └─ ending.finish                      the outcome and its event, stored together (Ended)
"""

import asyncio
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.backoff import backoff
from pipeline.budget import Stopwatch
from pipeline.engine import ending
from pipeline.engine.deps import EngineDeps, Progress, workspace_of
from pipeline.engine.effects import name_effects
from pipeline.engine.ending import Ending
from pipeline.engine.run_loop import CANCELLED, RunLoop
from pipeline.engine.run_page import MakePage
from pipeline.engine.run_spans import delivery_attributes
from pipeline.errors import MAX_WAITING, Family, Interrupted, Verdict, judge, waiting_time
from pipeline.leased_run import LeasedRun
from pipeline.outcome import Outcome, RunResult
from pipeline.stage import Pipeline, Stop
from pipeline.store.contract import Claimed, ClaimedInvalid
from pipeline.telemetry import names

log = logging.getLogger(__name__)

#: Failed tries, not counting interruptions, after which a run ends as *failed*.
MAX_TRIES = 5


@dataclass(frozen=True)
class Ended:
    """The run has its outcome."""

    result: RunResult


@dataclass(frozen=True)
class Deferred:
    """The run has not ended: deliver it again after ``delay`` seconds."""

    delay: float
    reason: str
    credentials_refused: bool = False
    """The deployment's own credentials are the cause: no run can continue until they are valid."""


class Engine:
    """Runs jobs through a pipeline. One engine serves all concurrent runs of a process."""

    def __init__(self, deps: EngineDeps):
        self._deps = deps

    async def execute(self, claimed: Claimed) -> Ended | Deferred:
        """Work on the run until it ends or must wait.

        If this is cancelled, the run stays at its last checkpoint, unless a cancellation of the run
        itself was requested.

        Raises:
            LeaseLost: another delivery owns the run.
        """
        row = claimed.run
        with self._deps.tracer.span(
            names.DELIVERY, delivery_attributes(row), kind="consumer", within=row.trace
        ) as span:
            answer = await self._execute(claimed)
            if isinstance(answer, Deferred):
                span.set({names.ENDING: names.DEFERRED})
            return answer

    async def _execute(self, claimed: Claimed) -> Ended | Deferred:
        run = self._leased(claimed)
        loop = RunLoop(self._deps, run, claimed)
        try:
            stop = await loop.run()
        except asyncio.CancelledError:
            if not await _may_cancel(run):
                raise
            _continue_after_cancellation()
            stop = CANCELLED
        except Interrupted:
            raise
        except Exception as error:
            # Its folder would be emptied at the next delivery. Others need the room until then.
            await self._remove_workspace(run)
            decision = await self._after_error(error, run, loop.stopwatch)
            if isinstance(decision, Deferred):
                return decision
            stop = decision
        run_end = Ending(stop, loop.stopwatch.elapsed, claimed.job.metadata, claimed.job)
        pipeline = self._deps.pipeline_of(claimed.job)
        result = await self._end(run, pipeline, run_end, make_page=self._deps.make_page)
        self._report_end(result)
        return Ended(result)

    async def reject(self, claimed: ClaimedInvalid) -> RunResult:
        """End a run as *rejected*: its message names an issue or a pull request but is
        not a valid job."""
        stop = Stop(Outcome.REJECTED, str(claimed.error))
        run_end = Ending(stop, metadata=claimed.error.metadata)
        run = self._leased(claimed)
        pipeline = self._deps.pipeline_of(claimed.error)
        return await self._end(run, pipeline, run_end, make_page=self._deps.make_page)

    async def give_up(self, claimed: Claimed, reason: str) -> RunResult:
        """End a run as *failed* without further work, and without a page: whatever killed its
        workers may be in what the page would show.
        """
        stop = Stop(Outcome.FAILED, reason)
        run_end = Ending(stop, metadata=claimed.job.metadata, job=claimed.job)
        run = self._leased(claimed)
        return await self._end(run, self._deps.pipeline_of(claimed.job), run_end, make_page=None)

    def _leased(self, claimed: Claimed | ClaimedInvalid) -> LeasedRun:
        return LeasedRun(
            self._deps.store,
            self._deps.artifacts,
            claimed.lease,
            self._deps.clock,
            is_new=claimed.run.deliveries == 1,
        )

    async def _after_error(
        self, error: Exception, run: LeasedRun, stopwatch: Stopwatch
    ) -> Stop | Deferred:
        verdict = judge(error)
        if verdict.family is Family.DEFECT:
            log.error("a defect ended this try", exc_info=error)
        elif verdict.detail:
            log.warning("%s: %s", verdict.reason, verdict.detail)
        if verdict.family is Family.STOP and verdict.outcome is not None:
            await run.note_error(_with_detail(verdict))
            return Stop(verdict.outcome, verdict.reason)
        if not verdict.counts:
            return await self._wait(verdict, run)
        tries = await run.count_try(_with_detail(verdict), stopwatch.lap())
        if tries >= MAX_TRIES:
            return _failed(verdict, f"{tries} tries")
        delay = backoff(tries) if verdict.delay is None else verdict.delay
        return Deferred(delay, verdict.reason)

    async def _wait(self, verdict: Verdict, run: LeasedRun) -> Stop | Deferred:
        """Defer a run that must wait for others; end it if it has waited for too long."""
        row = await run.count_wait(_with_detail(verdict))
        waited = run.now() - (row.waiting_since or run.now())
        if waited >= MAX_WAITING:
            return _failed(verdict, f"{waited / 3600:.0f} hours of waiting")
        delay = waiting_time(row.waits, verdict.delay)
        refused = verdict.family is Family.CREDENTIALS
        return Deferred(delay, verdict.reason, credentials_refused=refused)

    async def _end(
        self, run: LeasedRun, pipeline: Pipeline, run_end: Ending, *, make_page: MakePage | None
    ) -> RunResult:
        # Before the end is stored: after that, nothing may delay the message's deletion.
        await self._remove_workspace(run)
        stop = await name_effects(pipeline, run, run_end.stop)
        return await ending.finish(
            run,
            replace(run_end, stop=stop),
            result_types=pipeline.result_types,
            topic_of=self._deps.policy.topic_of,
            tracer=self._deps.tracer,
            make_page=make_page,
            progress_comment=self._deps.progress_comment,
        )

    async def _remove_workspace(self, run: LeasedRun) -> None:
        workspace = workspace_of(self._deps.workspaces, run.key)
        if _exists(workspace):
            await asyncio.to_thread(shutil.rmtree, workspace, ignore_errors=True)

    def _report_end(self, result: RunResult) -> None:
        self._deps.observer(
            Progress(
                kind="ended",
                job_id=result.job_id,
                generation=result.generation,
                round=result.rounds,
                stage="",
                seconds=result.seconds,
                detail=result.reason,
            )
        )


def _exists(workspace: Path) -> bool:
    """Return whether a stage has asked for the workspace. Does not block for long."""
    return workspace.exists()


def _with_detail(verdict: Verdict) -> str:
    return f"{verdict.reason}: {verdict.detail}" if verdict.detail else verdict.reason


def _failed(verdict: Verdict, after: str) -> Stop:
    """Return the end of a run whose tries or hours of waiting are used up."""
    reason = f"{verdict.reason} (after {after}); replay with a new replay id when fixed"
    return Stop(Outcome.FAILED, reason)


async def _may_cancel(run: LeasedRun) -> bool:
    """Return whether a cancellation of the run was requested in time.

    After an effect it is too late: the outcome *cancelled* must not hide an existing pull request.
    """
    row = await run.row()
    return row.cancel_requested and not await run.has_effects()


def _continue_after_cancellation() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
