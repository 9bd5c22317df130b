"""One delivery's passes over the stages of a run, one pass per round."""

import asyncio
import shutil
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from pydantic import BaseModel

from pipeline import metrics, telemetry
from pipeline.budget import Budget, EffectiveLimits, Stopwatch
from pipeline.engine import checkpoints, ending
from pipeline.engine.deps import EngineDeps, Progress, ProgressKind, workspace_of
from pipeline.engine.progress_comment import show_start
from pipeline.job import JobRefusal
from pipeline.leased_run import LeasedRun, replace_surrogates
from pipeline.model.ledger import Ledger
from pipeline.outcome import Outcome
from pipeline.repetition import is_repeating
from pipeline.stage import (
    Back,
    Concludes,
    HasMoneyLimit,
    LocalResources,
    Observers,
    PipelineError,
    Restorable,
    RunContext,
    Step,
    Stop,
)
from pipeline.store.contract import Checkpoint, Claimed, Round
from pipeline.telemetry import names
from pipeline.telemetry.spans import Attributes, Span
from pipeline.time_limit import finish_within
from repository.counts import count

#: Consecutive rounds with the same end after which a run stops. From the second on, the stage that
#: proposes knows about it and tries a different approach.
MAX_SAME_ENDS = 3
CANCELLED = Stop(Outcome.CANCELLED, "cancelled on request")


class RunLoop:
    """One delivery's work on a run: passes over the stages, one per round, until one stops it."""

    def __init__(self, deps: EngineDeps, run: LeasedRun, claimed: Claimed):
        row = claimed.run
        limits = deps.policy.limits_of(claimed.job)
        self.stopwatch = Stopwatch(used=row.seconds, limit=limits.max_minutes * 60)
        self._deps = deps
        self._pipeline = deps.pipeline_of(claimed.job)
        self._run = run
        self._held = ExitStack()
        """What stages hold until the delivery's work ends."""
        self._row = row
        self._job = claimed.job
        self._budget = self._budget_within(limits)
        self._workspace = workspace_of(deps.workspaces, run.key)
        self._rounds: list[Round] = []
        self._local_stages: set[str] = set()
        """Stages whose local state is on this machine."""
        self._has_shown_start = False
        self._has_reached_last = False

    async def run(self) -> Stop:
        with self._held:
            stop = await self._run_rounds()
            last = self._pipeline.steps[-1]
            if not self._has_reached_last and isinstance(last.stage, Concludes):
                await last.stage.conclude(stop, self._context(last.name))
            return stop

    async def _run_rounds(self) -> Stop:
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
        # A run that has begun is not rejected because of a setting that has changed since.
        may_be_refused = not await self._run.checkpoints()
        refusal = await asyncio.to_thread(self._prepare, may_be_refused)
        if self._row.cancel_requested and not await self._run.has_effects():
            return CANCELLED
        if refusal is not None:
            return Stop(Outcome.REJECTED, refusal.reason)
        return await self._inherit()

    def _prepare(self, may_be_refused: bool) -> JobRefusal | None:
        """Empty the workspace, and return why the job is rejected, if it is. Blocks."""
        shutil.rmtree(self._workspace, ignore_errors=True)
        if not may_be_refused:
            return None
        return self._deps.policy.allowed.refusal(self._job)

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
            if isinstance(answer, HasMoneyLimit):
                self._lower_money(answer.money_limit())
            if step.name == self._pipeline.admitted_after:
                # At every delivery: an earlier one may have died before this point.
                await ending.announce_start(self._deps, self._run, self._row, self._job)
                await self._show_start()
        raise AssertionError("the pipeline has no last stage")

    def _budget_within(self, limits: EffectiveLimits) -> Budget:
        caps = self._deps.policy.caps_of(limits, self._row.owner)
        return Budget(limits, Ledger(self._run, caps), self.stopwatch)

    def _lower_money(self, usd: float) -> None:
        """Let later stages spend no more than makes ``usd`` for the whole run."""
        limits = self._budget.limits
        if usd < limits.max_cost_usd:
            self._budget = self._budget_within(replace(limits, max_cost_usd=usd))

    async def _show_start(self) -> None:
        """Say on GitHub that the work has begun, once a delivery."""
        if not self._has_shown_start:
            self._has_shown_start = True
            await show_start(self._deps.progress_comment, self._run, self._job)

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
        return CANCELLED if cancelled else answer

    async def _run_last_stage(self, step: Step, needs: dict[str, BaseModel]) -> Stop:
        """Run the stage that has effects, without a time limit."""
        self._has_reached_last = True
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
            local=LocalResources(self._workspace, self._held),
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
