"""Execute the calls of one reply, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.model import ModelReply
from prompts.filters import clip, one_line
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.desk import Desk
from stages.propose_patch.agent.exits import Answer, Place
from stages.propose_patch.agent.protocol import (
    ApplyEdits,
    BadCall,
    Call,
    NeedsInfo,
    NoChangeNeeded,
    Protocol,
    Submit,
    read_calls,
)
from stages.propose_patch.agent.steps import Observation, RunEnd, StepRecord
from stages.propose_patch.agent.toolbox import describe_call, observe, observe_bad_call
from stages.propose_patch.task import Task

#: Characters of a call in a progress report.
MAX_PROGRESS = 100


@dataclass
class Step:
    """What the calls of a reply have led to so far."""

    observations: list[Observation] = field(default_factory=list)
    reviewed: str | None = None
    asked_again: str | None = None
    ending: str | None = None
    run_end: RunEnd | None = None
    summary: str | None = None

    @property
    def failed(self) -> bool:
        return any(observation.failed for observation in self.observations)


class Executor:
    """Executes the calls of replies."""

    def __init__(self, task: Task, desk: Desk, protocol: Protocol):
        self._task = task
        self._desk = desk
        self._protocol = protocol

    async def execute(
        self, reply: ModelReply, place: Place, round_records: Sequence[StepRecord]
    ) -> Step:
        """Execute the calls of a reply in order.

        After a failed call the others are still executed, except those that end the work.
        """
        step = Step()
        for call in read_calls(reply, self._protocol):
            observation = await self._observe(call, step, place, round_records)
            step.observations.append(self._redacted(observation))
        return step

    async def _observe(
        self, call: Call | BadCall, step: Step, place: Place, round_records: Sequence[StepRecord]
    ) -> Observation:
        if isinstance(call, BadCall):
            return observe_bad_call(call)
        tool = call.tool
        if step.ending is not None:
            return _refuse(call, messages.ROUND_OVER)
        self._report(call, place)
        if isinstance(tool, ApplyEdits) and self._begins_later_round(call, round_records):
            return await self._desk.toolbox.replace_change(tool)
        if not isinstance(tool, Submit | NeedsInfo | NoChangeNeeded):
            return await self._desk.toolbox.use(tool, call.call_id)
        if step.failed:
            return _refuse(call, messages.NOT_FINAL.format(tool=tool.name))
        answer = await self._desk.exits.use(tool, round_records, place)
        _note_answer(step, call, answer)
        text = messages.say(answer.text)
        return observe(tool, call.call_id, text, failed=answer.failed)

    def _begins_later_round(self, call: Call, round_records: Sequence[StepRecord]) -> bool:
        return call.call_id is None and not round_records and self._task.run.round > 1

    def _report(self, call: Call, place: Place) -> None:
        description = clip(one_line(describe_call(call.tool)), MAX_PROGRESS)
        self._task.run.progress(f"step {place.step}: {description}")

    def _redacted(self, observation: Observation) -> Observation:
        redact = self._task.session.redact
        update = {"call": redact(observation.call), "text": redact(observation.text)}
        return observation.model_copy(update=update)


def _note_answer(step: Step, call: Call, answer: Answer) -> None:
    """Note in the step what a call that would end the work has led to."""
    step.reviewed = answer.reviewed
    step.ending = answer.ending
    if answer.asked_again:
        step.asked_again = call.tool.name
    if answer.stop is not None:
        step.run_end = RunEnd.of(answer.stop)
    if isinstance(call.tool, Submit):
        step.summary = call.tool.summary


def _refuse(call: Call, text: str) -> Observation:
    return observe(call.tool, call.call_id, messages.say(text), failed=True)
