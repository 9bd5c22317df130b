"""The loop: ask the model, execute its calls in the workspace, store the step, ask again.

A step is stored under its number once all its calls are executed, together with what it changed in
the workspace. A restarted run loads the stored steps, restores the workspace to the state after
them, and continues: it sends the same bytes and buys no reply twice. Commands whose step was not
stored are executed again.
"""

import time
from functools import partial

from pipeline.errors import Halt
from pipeline.outcome import Outcome
from pipeline.stage import Stop
from pipeline.telemetry import names
from repository.edits.readers import read_reply
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.asker import Asker, StepReply
from stages.propose_patch.agent.attempt_workspace import AttemptWorkspace
from stages.propose_patch.agent.execution import Executor, StepResult
from stages.propose_patch.agent.final_calls import CurrentStep
from stages.propose_patch.agent.limits import RoundLimits
from stages.propose_patch.agent.opening import Opening
from stages.propose_patch.agent.protocol import ApplyEdits
from stages.propose_patch.agent.step_checks import check_step, describe_reply
from stages.propose_patch.agent.steps import (
    EARLIER_RUN,
    Observation,
    StepRecord,
    Usage,
    replies_to_comments,
)
from stages.propose_patch.task import RECOVERABLE, AttemptPlan, Task


class RoundOver(Exception):
    """A limit ends the round before another step; the message says which."""


class Loop:
    """The model's work in its workspace during one round."""

    def __init__(
        self,
        task: Task,
        attempt: AttemptPlan,
        asker: Asker,
        workspace: AttemptWorkspace,
        executor: Executor,
        limits: RoundLimits,
        opening: Opening,
    ):
        self.records: list[StepRecord] = list(opening.records)
        """All steps of the conversation, including those of earlier rounds and of the earlier run
        that it continues.
        """
        self.halt: Halt | None = None
        """Set if the run must end unless there is something to propose."""
        self._task = task
        self._run = task.run
        self._attempt = attempt
        self._asker = asker
        self._workspace = workspace
        self._executor = executor
        self._limits = limits
        self.opening = opening

    async def work(self) -> str:
        """Take steps until the round ends; return why it ended.

        Raises:
            Halt: the run is over, and there is nothing to propose.
        """
        while True:
            try:
                record = await self._next_step()
            except RoundOver as over:
                return str(over)
            except Halt as halt:
                if not self._may_propose(halt):
                    raise
                self.halt = halt
                return halt.reason
            self.records.append(record)
            if record.round == self._run.round and record.ending is not None:
                return record.ending

    def _may_propose(self, halt: Halt) -> bool:
        """Whether the work so far may be proposed although the model can't be asked any more."""
        if not self.own_records:
            return False
        if halt.outcome in RECOVERABLE:
            return True
        if halt.outcome is not Outcome.FAILED or not self.round_records:
            return False
        # The model has asked to submit this change; only its confirmation is missing.
        return self.round_records[-1].reviewed_tree is not None

    @property
    def own_records(self) -> list[StepRecord]:
        """The steps that this run has taken."""
        return [record for record in self.records if record.round != EARLIER_RUN]

    @property
    def round_records(self) -> list[StepRecord]:
        return [record for record in self.records if record.round == self._run.round]

    @property
    def run_end(self) -> Stop | None:
        """The end of the run, if this round ended with it."""
        if not self.round_records or self.round_records[-1].run_end is None:
            return None
        return self.round_records[-1].run_end.stop

    @property
    def summary(self) -> str:
        """The summary of the last ``submit`` that had one.

        Without one, the text around the edits of the last reply whose edits were applied.
        """
        for record in reversed(self.own_records):
            if record.summary:
                return record.summary
        for record in reversed(self.own_records):
            if any(_are_applied_edits(observation) for observation in record.observations):
                return read_reply(record.reply.content).prose
        return ""

    @property
    def title(self) -> str:
        """The title of the last ``submit`` that had one; empty if none had."""
        titles = [record.title for record in self.own_records if record.title]
        return titles[-1] if titles else ""

    async def _next_step(self) -> StepRecord:
        """Return the next stored step; if there is none, take it and store it."""
        number = len(self.records) + 1
        name = f"attempt-{self._attempt.number}/step-{number:03}"
        text = await self._run.remember(name, partial(self._take_step, number))
        return StepRecord.model_validate_json(text)

    async def _take_step(self, number: int) -> str:
        """Take a step and return its record, as JSON."""
        limit = self._limits.reached(len(self.round_records))
        if limit is not None:
            raise RoundOver(limit)
        await self._report_status(number)
        attributes = {
            names.STEP_NUMBER: number,
            names.ATTEMPT_NUMBER: self._attempt.number,
            names.ROUND_NUMBER: self._run.round,
        }
        with self._run.span(names.STEP, attributes):
            record = await self._ask_and_execute(number)
        return record.model_dump_json()

    async def _ask_and_execute(self, number: int) -> StepRecord:
        reply = await self._asker.ask(self.records, self._before())
        lost = await self._workspace.restore(self.records)
        began = time.monotonic()
        exchange = reply.exchange
        earlier = self.round_records
        calls = [call for record in self.records for call in record.observations]
        current = CurrentStep(
            attempt=self._attempt.number,
            number=number,
            exchange_key=exchange.key,
            earlier=earlier,
            calls=calls,
            replied=frozenset(replies_to_comments(self.own_records)),
        )
        step = await self._executor.execute(exchange.reply, current)
        record = self._record(reply, step)
        notes = (*lost, *describe_reply(exchange.reply, record.observations))
        record = record.model_copy(update={"notes": notes, "seconds": time.monotonic() - began})
        if record.ending is None:
            record = await self._checked(record)
        snapshot_key = await self._workspace.save_snapshot(record)
        return record.model_copy(update={"snapshot_key": snapshot_key})

    async def _report_status(self, number: int) -> None:
        cost = await self._run.ledger.cost_usd()
        limit = self._run.limits.max_cost_usd
        self._run.status(f"step {number}, ${cost:.2f} of ${limit:.2f}")

    def _before(self) -> str:
        """Return the harness's message that opens a later round, or another run's conversation."""
        if self.round_records:
            return ""
        if self._task.feedback is not None:
            return messages.next_round(self._task.feedback)
        return self.opening.message

    def _record(self, reply: StepReply, step: StepResult) -> StepRecord:
        exchange = reply.exchange
        return StepRecord(
            number=len(self.records) + 1,
            round=self._run.round,
            before=self._before(),
            reply=exchange.reply.as_message(),
            usage=Usage.of(exchange.reply),
            label=reply.label,
            exchange_key=exchange.key,
            observations=tuple(step.observations),
            cut_off=exchange.reply.cut_off,
            reviewed_tree=step.reviewed_tree,
            asked_again=step.asked_again,
            history_limit=reply.history_limit,
            ending=step.ending,
            run_end=step.run_end,
            summary=step.summary,
            title=step.title,
            replies=step.replies,
        )

    async def _checked(self, record: StepRecord) -> StepRecord:
        """Return the step with the result of its check."""
        folder = self._task.sandbox.path_inside(self._run.workspace)
        nearly_used = partial(self._nearly_used, record)
        check = await check_step(record, self.round_records, folder, nearly_used)
        update = {
            "notes": (*record.notes, *check.notes),
            "ending": check.ending,
            "reminded": check.reminded,
        }
        return record.model_copy(update=update)

    async def _nearly_used(self, record: StepRecord, steps: int) -> str | None:
        next_usd = await self._asker.reservation([*self.records, record])
        return await self._limits.nearly_used(steps, next_usd)


def _are_applied_edits(observation: Observation) -> bool:
    return observation.tool == ApplyEdits.name and bool(observation.edited)
