"""The loop: ask the model, execute its calls in the workspace, store the step, ask again.

A step is stored under its number once all its calls were executed, together with what it changed in
the workspace. A killed run loads the stored steps, brings a workspace to the state after them, and
goes on: it sends the same bytes and buys no reply twice. Commands whose step was not stored are
executed again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pipeline.errors import Halt
from pipeline.model import Message, ModelReply
from pipeline.model.failures import ModelError
from pipeline.stage import Stop
from prompts.filters import clip, one_line
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.circles import goes_in_circles
from stages.propose_patch.agent.conversation import (
    MAX_HISTORY,
    MIN_HISTORY,
    conversation,
    count_same_messages,
)
from stages.propose_patch.agent.desk import Desk
from stages.propose_patch.agent.exits import Place
from stages.propose_patch.agent.limits import RoundLimits
from stages.propose_patch.agent.protocol import (
    TOOL_SPECS,
    BadCall,
    Call,
    NeedsInfo,
    NoChangeNeeded,
    Protocol,
    Submit,
    read_calls,
)
from stages.propose_patch.agent.steps import Observation, RunEnd, StepRecord, Usage
from stages.propose_patch.agent.toolbox import describe_call, observe, observe_bad_call
from stages.propose_patch.model_session import Exchange, Question
from stages.propose_patch.task import RECOVERABLE, AttemptPlan, Task

#: A round ends after this many replies in a row without a valid call.
MAX_IDLE_REPLIES = 5


#: Characters of a call in a progress report.
MAX_PROGRESS = 100


class RoundOver(Exception):
    """A limit ends the round before another step; the message says which."""


@dataclass
class Step:
    """A step that is being taken."""

    observations: list[Observation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reviewed: str | None = None
    asked_again: str | None = None
    ending: str | None = None
    run_end: RunEnd | None = None
    summary: str | None = None

    @property
    def failed(self) -> bool:
        return any(observation.failed for observation in self.observations)


@dataclass(frozen=True)
class _Asked:
    """An answered question."""

    exchange: Exchange
    label: str
    history_limit: int
    """Characters of the steps that were sent."""


class Loop:
    """One round's work of the model in its workspace."""

    def __init__(
        self,
        task: Task,
        attempt: AttemptPlan,
        prompt: tuple[Message, ...],
        desk: Desk,
        limits: RoundLimits,
        protocol: Protocol,
    ):
        self.records: list[StepRecord] = []
        """All steps of the attempt, also those of earlier rounds."""
        self.halt: Halt | None = None
        """Set if the run must end unless there is something to propose."""
        self._task = task
        self._run = task.run
        self._attempt = attempt
        self._prompt = prompt
        self._desk = desk
        self._limits = limits
        self._protocol = protocol
        self._knows_usage = False
        """Whether the model's client knows the usage of the last reply."""

    async def work(self) -> str:
        """Take steps until the round ends; return why it ended.

        Raises:
            Halt: the run is over, and there is nothing to propose.
        """
        while True:
            number = len(self.records) + 1
            name = f"attempt-{self._attempt.number}/step-{number:03}"
            try:
                text = await self._run.remember(name, partial(self._take_step, number))
            except RoundOver as over:
                return str(over)
            except Halt as halt:
                if halt.outcome not in RECOVERABLE or not self.records:
                    raise
                self.halt = halt
                return halt.reason
            record = StepRecord.model_validate_json(text)
            self.records.append(record)
            if record.round == self._run.round and record.ending is not None:
                return record.ending

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
        """What the last ``submit`` with a summary said about the change."""
        for record in reversed(self.records):
            if record.summary:
                return record.summary
        return ""

    # One step

    async def _take_step(self, number: int) -> str:
        """Take a step and return its record, as JSON."""
        limit = self._limits.reached(len(self.round_records))
        if limit is not None:
            raise RoundOver(limit)
        asked = await self._ask(number)
        exchange = asked.exchange
        notes = await self._desk.bring_to(self.records)
        began = time.monotonic()
        step = await self._execute(exchange, number)
        step.notes[:0] = notes
        record = StepRecord(
            number=number,
            round=self._run.round,
            before=self._before(),
            reply=exchange.reply.as_message(),
            usage=Usage.of(exchange.reply),
            label=asked.label,
            exchange_key=exchange.key,
            observations=tuple(self._redacted(seen) for seen in step.observations),
            reviewed=step.reviewed,
            asked_again=step.asked_again,
            history_limit=asked.history_limit,
            ending=step.ending,
            run_end=step.run_end,
            summary=step.summary,
            seconds=time.monotonic() - began,
        )
        record = await self._judge(record, step.notes, exchange.reply)
        snapshot_key = await self._desk.save_snapshot(record)
        return record.model_copy(update={"snapshot_key": snapshot_key}).model_dump_json()

    async def _ask(self, number: int) -> "_Asked":
        """Return the model's reply. A history too long for the model is halved until it fits."""
        if not self._knows_usage:
            await self._recall_usage()
            self._knows_usage = True
        max_chars = self.records[-1].history_limit if self.records else MAX_HISTORY
        label = f"attempt-{self._attempt.number}-step-{number:03}"
        while True:
            sent = conversation(self._prompt, self.records, self._before(), max_chars)
            question = replace(self._question(label, sent), stored=self._count_stored(sent))
            try:
                exchange = await self._task.session.ask(question)
                return _Asked(exchange, label, max_chars)
            except ModelError as error:
                if max_chars <= MIN_HISTORY:
                    raise error.verdict() from None
            max_chars //= 2
            label += "-shorter"

    def _question(self, label: str, sent: tuple[Message, ...]) -> Question:
        return Question(
            label=label,
            messages=sent,
            template="agent",
            model=self._attempt.model,
            temperature=self._attempt.temperature,
            sample=self._attempt.number - 1,
            tools=TOOL_SPECS if self._protocol == "native" else (),
            use="agent",
            once_a_run=True,
        )

    async def _recall_usage(self) -> None:
        """After a restart, tell the model's client how long the conversation is."""
        if self.records:
            label = self.records[-1].label
            await self._task.session.recall(self._question(label, self._last_sent()))

    def _last_sent(self) -> tuple[Message, ...]:
        """Return the request of the last stored step."""
        *earlier, last = self.records
        return conversation(self._prompt, earlier, last.before, last.history_limit)

    def _count_stored(self, sent: Sequence[Message]) -> int:
        """Return how many of the messages the exchanges of earlier steps hold."""
        if not self.records:
            return 0
        return count_same_messages(self._last_sent(), sent)

    def _before(self) -> str:
        """Return the harness's message that opens a later round."""
        if self.round_records or self._task.feedback is None:
            return ""
        return messages.next_round(self._task.feedback)

    async def _execute(self, exchange: Exchange, number: int) -> Step:
        """Execute the calls of a reply in order.

        After a failed call the others are still executed, except those that end the work.
        """
        place = Place(f"{self._attempt.number}-{number:03}", exchange.key)
        step = Step()
        for call in read_calls(exchange.reply, self._protocol):
            if step.ending is not None:
                step.observations.append(_not_executed(call, messages.ROUND_OVER))
            elif isinstance(call, BadCall):
                step.observations.append(observe_bad_call(call))
            else:
                await self._execute_call(call, step, place)
        return step

    async def _execute_call(self, call: Call, step: Step, place: Place) -> None:
        tool = call.tool
        self._run.progress(f"{place.label}: {clip(one_line(describe_call(tool)), MAX_PROGRESS)}")
        if not isinstance(tool, Submit | NeedsInfo | NoChangeNeeded):
            step.observations.append(await self._desk.toolbox.use(tool, call.call_id))
            return
        if step.failed:
            text = messages.NOT_FINAL.format(tool=tool.name)
            step.observations.append(_not_executed(call, text))
            return
        answer = await self._desk.exits.use(tool, self.round_records, place)
        observation = observe(tool, call.call_id, messages.say(answer.text), failed=answer.failed)
        step.observations.append(observation)
        step.reviewed = answer.reviewed or step.reviewed
        step.asked_again = tool.name if answer.asked_again else step.asked_again
        step.ending = answer.ending
        step.run_end = RunEnd.of(answer.stop) if answer.stop else None
        if isinstance(tool, Submit):
            step.summary = tool.summary

    # What the harness says about a step

    async def _judge(
        self, record: StepRecord, notes: Sequence[str], reply: ModelReply
    ) -> StepRecord:
        """Add the harness's notes to a step, and its ending if the model is stuck."""
        if record.ending is not None:
            return record.model_copy(update={"notes": tuple(notes)})
        updates: dict[str, object] = {}
        new_notes = [*notes, *_describe_reply(reply, record.observations)]
        round_records = [*self.round_records, record]
        if goes_in_circles(round_records, self._run.workspace):
            was_warned = messages.CIRCLES in "".join(self._last_notes())
            new_notes.append(messages.CIRCLES)
            if was_warned:
                updates["ending"] = "the model went in circles"
        if _idle_replies(round_records) >= MAX_IDLE_REPLIES:
            updates["ending"] = f"{MAX_IDLE_REPLIES} replies in a row had no valid call"
        if not any(earlier.reminded for earlier in self.round_records):
            used = await self._limits.nearly_used(len(round_records))
            if used is not None:
                new_notes.append(messages.reminder(used))
                updates["reminded"] = True
        updates["notes"] = tuple(new_notes)
        return record.model_copy(update=updates)

    def _redacted(self, observation: Observation) -> Observation:
        redact = self._task.session.redact
        update = {"call": redact(observation.call), "text": redact(observation.text)}
        return observation.model_copy(update=update)

    def _last_notes(self) -> tuple[str, ...]:
        return self.round_records[-1].notes if self.round_records else ()


def _not_executed(call: Call | BadCall, text: str) -> Observation:
    if isinstance(call, BadCall):
        return observe_bad_call(call)
    return observe(call.tool, call.call_id, messages.say(text), failed=True)


def _describe_reply(reply: ModelReply, observations: Sequence[Observation]) -> list[str]:
    """Say what was wrong with a reply as a whole."""
    if reply.cut_off:
        return [messages.cut_off(reply.completion_tokens)]
    if observations:
        return []
    if reply.refused:
        return [messages.REFUSED]
    return [messages.TALK if reply.content.strip() else messages.EMPTY]


def _idle_replies(records: Sequence[StepRecord]) -> int:
    """Return how many replies, counted from the last one, had no valid call."""
    count = 0
    for record in reversed(records):
        if any(observation.understood for observation in record.observations):
            break
        count += 1
    return count
