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
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from pipeline import metrics, telemetry
from pipeline.backoff import backoff
from pipeline.budget import Budget, Stopwatch
from pipeline.engine import checkpoints, ending
from pipeline.engine.deps import EngineDeps, Progress, ProgressKind, workspace_of
from pipeline.engine.effects import name_effects
from pipeline.engine.ending import Ending
from pipeline.engine.run_spans import delivery_attributes
from pipeline.errors import MAX_WAITING, Family, Interrupted, Verdict, judge, waiting_time
from pipeline.leased_run import LeasedRun, replace_surrogates
from pipeline.model.ledger import Ledger
from pipeline.outcome import Outcome, RunResult
from pipeline.repetition import is_repeating
from pipeline.stage import Back, Observers, PipelineError, Restorable, RunContext, Step, Stop
from pipeline.store.contract import Checkpoint, Claimed, ClaimedInvalid, Lease, Round
from pipeline.telemetry import names
from pipeline.telemetry.spans import Attributes, Span
from pipeline.time_limit import finish_within
from repository.counts import count

log = logging.getLogger(__name__)

#: Failed tries, not counting interruptions, after which a run ends as *failed*.
MAX_TRIES = 5
#: Consecutive rounds with the same end after which a run stops. From the second on, the stage that
#: proposes knows about it and tries a different approach.
MAX_SAME_ENDS = 3
_CANCELLED = Stop(Outcome.CANCELLED, "cancelled on request")


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
        run = self._leased(claimed.lease)
        loop = RunLoop(self._deps, run, claimed)
        try:
            stop = await loop.run()
        except asyncio.CancelledError:
            if not await _may_cancel(run):
                raise
            _continue_after_cancellation()
            stop = _CANCELLED
        except Interrupted:
            raise
        except Exception as error:
            decision = await self._after_error(error, run, loop.stopwatch)
            if isinstance(decision, Deferred):
                return decision
            stop = decision
        result = await self._end(
            run, Ending(stop, loop.stopwatch.elapsed, claimed.job.metadata, claimed.job)
        )
        self._report_end(result)
        return Ended(result)

    async def reject(self, claimed: ClaimedInvalid) -> RunResult:
        """End a run as *rejected*: its message names an issue but is not a valid job."""
        stop = Stop(Outcome.REJECTED, str(claimed.error))
        run_end = Ending(stop, metadata=claimed.error.metadata)
        return await self._end(self._leased(claimed.lease), run_end)

    async def give_up(self, claimed: Claimed, reason: str) -> RunResult:
        """End a run as *failed* without further work."""
        stop = Stop(Outcome.FAILED, reason)
        run_end = Ending(stop, metadata=claimed.job.metadata, job=claimed.job)
        return await self._end(self._leased(claimed.lease), run_end)

    def _leased(self, lease: Lease) -> LeasedRun:
        return LeasedRun(self._deps.store, self._deps.artifacts, lease, self._deps.clock)

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

    async def _end(self, run: LeasedRun, run_end: Ending) -> RunResult:
        # Before the end is stored: after that, nothing may delay the message's deletion.
        workspace = workspace_of(self._deps.workspaces, run.key)
        await asyncio.to_thread(shutil.rmtree, workspace, ignore_errors=True)
        stop = await name_effects(self._deps.pipeline, run, run_end.stop)
        return await ending.finish(
            run,
            replace(run_end, stop=stop),
            result_types=self._deps.pipeline.result_types,
            topic_of=self._deps.policy.topic_of,
            tracer=self._deps.tracer,
            make_page=self._deps.make_page,
        )

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


class RunLoop:
    """One delivery's work on a run: passes over the stages, one per round, until one stops it."""

    def __init__(self, deps: EngineDeps, run: LeasedRun, claimed: Claimed):
        row = claimed.run
        limits = deps.policy.limits_of(claimed.job)
        self.stopwatch = Stopwatch(used=row.seconds, limit=limits.max_minutes * 60)
        self._deps = deps
        self._pipeline = deps.pipeline
        self._run = run
        self._row = row
        self._job = claimed.job
        caps = deps.policy.caps_of(limits, row.owner)
        self._budget = Budget(limits, Ledger(run, caps), self.stopwatch)
        self._workspace = workspace_of(deps.workspaces, run.key)
        self._rounds: list[Round] = []
        self._local_stages: set[str] = set()
        """Stages whose local state is on this machine."""

    async def run(self) -> Stop:
        stop = await self._begin()
        while stop is None:
            answer = await self._pass_over_stages()
            if isinstance(answer, Stop):
                return answer
            stop = self._give_up(answer)
            if stop is None:
                await self._open_round(answer)
        return stop

    # Before the first stage

    async def _begin(self) -> Stop | None:
        """Empty the workspace, and return a Stop if the run may not begin or continue."""
        await asyncio.to_thread(_make_empty, self._workspace)
        if self._row.cancel_requested and not await self._run.has_effects():
            return _CANCELLED
        # A run that has begun is not rejected because of a setting that has changed since.
        has_begun = bool(await self._run.checkpoints())
        if not has_begun:
            refusal = await asyncio.to_thread(self._deps.policy.allowed.refusal, self._job)
            if refusal is not None:
                return Stop(Outcome.REJECTED, refusal.reason)
        return await self._inherit()

    async def _inherit(self) -> Stop | None:
        """For a replay from a stage, copy the previous run's results of the stages before it."""
        replay = self._job.replay
        if replay is None or replay.from_stage is None or self._run.key.generation == 0:
            return None
        if replay.from_stage not in self._pipeline.names:
            stages = ", ".join(self._pipeline.names)
            reason = f"replay.from_stage: no stage {replay.from_stage!r}; there are {stages}"
            return Stop(Outcome.REJECTED, reason)
        await checkpoints.inherit(self._pipeline, self._run, replay.from_stage)
        return None

    # One round

    async def _pass_over_stages(self) -> Stop | Back:
        """Restore each stage that has a valid stored result, and run the others."""
        self._rounds = await self._run.rounds()
        with self._deps.tracer.span(names.ROUND, {names.ROUND_NUMBER: self._round}):
            return await self._answer_in_turn()

    async def _answer_in_turn(self) -> Stop | Back:
        stored = await self._run.checkpoints()
        valid = checkpoints.find_valid(self._pipeline, stored, self._rounds)
        results: dict[type[BaseModel], BaseModel] = {}
        for step in self._pipeline.steps:
            needs = {parameter: results[kind] for parameter, kind in step.needs.items()}
            answer = await self._answer(step, needs, valid.get(step.name))
            if isinstance(answer, (Stop, Back)):
                return answer
            assert step.gives is not None  # noqa: S101 (the last stage stops the run)
            results[step.gives] = answer
            if step.name == self._pipeline.admitted_after:
                # At every delivery: an earlier one may have died before this point.
                await ending.announce_start(self._deps, self._run, self._row, self._job)
        raise AssertionError("the pipeline has no last stage")

    async def _answer(
        self, step: Step, needs: dict[str, BaseModel], checkpoint: Checkpoint | None
    ) -> BaseModel | Stop | Back:
        """Return a stage's stored result, or what it answers now."""
        with telemetry.bound(round=self._round, stage=step.name):
            if step.gives is None:
                return await self._run_last_stage(step, needs)
            if checkpoint is not None:
                return await self._restore(step, step.gives, checkpoint)
            return await self._run_stage(step, needs)

    async def _run_stage(self, step: Step, needs: dict[str, BaseModel]) -> BaseModel | Stop | Back:
        """Run a stage, and store its result."""
        self._report("started", step.name)
        with self._span_of(step) as span:
            answer = await self._within_time_limit(step, needs)
            span.set(_ending_of(answer))
        if isinstance(answer, Stop):
            self._report("finished", step.name, self.stopwatch.elapsed, answer.outcome.value)
            return answer
        if isinstance(answer, Back):
            self._check_target(step, answer)
            detail = answer.note.summary or answer.because
            self._report("back", step.name, self.stopwatch.elapsed, detail)
            return answer
        seconds = self.stopwatch.lap()
        cancelled = await self._run.save_result(
            answer, round=self._round, stage=step.name, seconds=seconds
        )
        self._report("finished", step.name, seconds)
        self._local_stages.add(step.name)
        return _CANCELLED if cancelled else answer

    async def _run_last_stage(self, step: Step, needs: dict[str, BaseModel]) -> Stop:
        """Run the stage that has effects, without a time limit."""
        self._report("started", step.name)
        with self._span_of(step) as span:
            stop: Stop = await step.stage.run(**needs, run=self._context(step.name))
            span.set(_ending_of(stop))
        self._report("finished", step.name, self.stopwatch.elapsed, stop.outcome.value)
        return stop

    async def _within_time_limit(
        self, step: Step, needs: dict[str, BaseModel]
    ) -> BaseModel | Stop | Back:
        answer: BaseModel | Stop | Back | None = await finish_within(
            self.stopwatch.left, step.stage.run(**needs, run=self._context(step.name))
        )
        if answer is not None:
            return answer
        minutes = self._budget.limits.max_minutes
        reason = f"{minutes:g} minutes are used up, in {step.name}"
        return Stop(Outcome.BUDGET_EXHAUSTED, reason)

    async def _restore(
        self, step: Step, kind: type[BaseModel], checkpoint: Checkpoint
    ) -> BaseModel:
        """Return a stored result, after restoring the stage's local state on this machine."""
        result = await self._run.read_result(checkpoint, kind)
        if isinstance(step.stage, Restorable) and step.name not in self._local_stages:
            self.stopwatch.discard_lap()
            with self._span_of(step) as span:
                span.set({names.ENDING: names.RESTORED})
                await step.stage.restore(result, self._context(step.name))
            self._local_stages.add(step.name)
            # Work that is only repeated because of an interruption does not count.
            self._report("restored", step.name, self.stopwatch.discard_lap())
        return result

    def _span_of(self, step: Step) -> AbstractContextManager[Span]:
        attributes: Attributes = {names.STAGE: step.name, names.ROUND_NUMBER: self._round}
        return self._deps.tracer.span(names.stage_span(step.name), attributes)

    def _check_target(self, step: Step, back: Back) -> None:
        allowed = self._pipeline.names[: self._pipeline.index(step.name) + 1]
        if back.to not in allowed:
            raise PipelineError(
                f"stage {step.name!r} went back to {back.to!r}, which is not this or an earlier"
                " stage"
            )

    # Between rounds

    def _give_up(self, back: Back) -> Stop | None:
        """Return a Stop if no further round may be opened."""
        last = f"the last: {_first_line(back.because)}"
        if self._round >= self._budget.limits.max_rounds:
            rounds = count(self._round, "round")
            return Stop(Outcome.NO_FIX, f"no fix in {rounds}; {last}", back.note.facts)
        if self._is_stuck(back):
            reason = f"stuck: {MAX_SAME_ENDS} rounds ended the same way; {last}"
            return Stop(Outcome.NO_FIX, reason, back.note.facts)
        return None

    def _is_stuck(self, back: Back) -> bool:
        """Return whether the rounds, including this one, keep ending for the same reasons."""
        reasons = [opened.because for opened in self._rounds]
        reasons.append(replace_surrogates(back.because))
        return is_repeating(reasons, MAX_SAME_ENDS)

    async def _open_round(self, back: Back) -> None:
        opened = Round(
            number=self._round + 1,
            to=back.to,
            because=replace_surrogates(back.because),
            note=back.note.model_dump(mode="json", exclude_defaults=True),
        )
        await self._run.open_round(opened, self.stopwatch.lap())

    # What stages and observers receive

    @property
    def _round(self) -> int:
        return self._rounds[-1].number if self._rounds else 1

    def _context(self, stage: str) -> RunContext:
        return RunContext(
            self._run,
            self._job,
            stage=stage,
            rounds=self._rounds,
            budget=self._budget,
            workspace=self._workspace,
            observers=Observers(
                report=lambda kind, text: self._report(kind, stage, detail=text),
                tracer=self._deps.tracer,
            ),
        )

    def _report(
        self, kind: ProgressKind, stage: str, seconds: float = 0.0, detail: str = ""
    ) -> None:
        if kind in ("finished", "back"):
            metrics.note_stage(stage, seconds)
        self._deps.observer(
            Progress(
                kind=kind,
                job_id=self._run.key.job_id,
                generation=self._run.key.generation,
                round=self._round,
                stage=stage,
                seconds=seconds,
                detail=detail,
            )
        )


def _ending_of(answer: BaseModel | Stop | Back) -> Attributes:
    """Return the attributes of a stage's span that say how it ended, if not with a result."""
    if isinstance(answer, Stop):
        return {names.OUTCOME: answer.outcome.value}
    if isinstance(answer, Back):
        return {names.ENDING: names.BACK}
    return {}


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:300] if lines else ""


def _make_empty(workspace: Path) -> None:
    shutil.rmtree(workspace, ignore_errors=True)
    # Not readable for others, since other repositories' runs are on the same machine.
    workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
