"""The strategy ``agent``: the model itself looks around, edits and tries things, one tool call a
reply.

The whole loop is here. After mini-swe-agent (github.com/SWE-agent/mini-swe-agent); what counts as
going in circles after OpenHands' stuck detector. A step is: ask, keep the exchange, do the one
call, show its result. Every reply is bought under its step's key, and what can't be made again is
kept under it: a run that was killed goes through the same steps on any machine, buys none twice and
sends the same bytes. What comes of it is a proposal like any other."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pipeline.errors import Halt
from pipeline.model import Message
from pipeline.model.failures import ModelError
from pipeline.outcome import Facts
from pipeline.stage import Back, Stop
from prompts.filters import fenced
from repository.edits.model import EditFailed
from stages.propose_patch.reproduction import on_base, only_tests, unneeded
from stages.propose_patch.results import Proposal, Proposals
from stages.propose_patch.task import LESS, Task, back, holds_edit, lacking
from stages.propose_patch.toolbox import Toolbox
from stages.propose_patch.tools import (
    Call,
    NeedsInfo,
    NoChangeNeeded,
    Submit,
    ToolError,
    described,
    parse_call,
)

MAX_STEPS = 30
MAX_HISTORY = 100_000
MIN_HISTORY = 12_000
"""Characters of the steps that are sent, about 25,000 tokens; beyond them the oldest results are left out."""
KEPT_STEPS = 4
"""The last results are always sent whole."""
MINUTES_SHARE = 0.6
"""Of the minutes that the run has left; the others are for testing what comes of it."""
REPEATS = 3
MAX_WRONG = 5
CIRCLES = (
    "You go in circles: the same calls give the same results. Do something else, or submit what you"
    " have."
)


@dataclass(frozen=True)
class Step:
    reply: str
    call: str
    """As it was understood; where it was not, the reply."""
    result: str
    wrong: bool
    note: str = ""


async def propose(
    task: Task, *, max_steps: int = MAX_STEPS, clock: Callable[[], float] = time.monotonic
) -> Proposals | Back | Stop:
    box = await asyncio.to_thread(Toolbox, task)
    return await (await asyncio.to_thread(_Agent, task, box, max_steps, clock)).work()


class _Agent:
    def __init__(self, task: Task, box: Toolbox, max_steps: int, clock: Callable[[], float]):
        self._task = task
        self._box = box
        self._max_steps = max_steps
        self._clock = clock
        self._until = (
            clock() + min(task.run.seconds_left(), task.run.limits.max_minutes * 60) * MINUTES_SHARE
        )
        self._begun = task.messages("agent_system", "agent", tools=described(), steps=max_steps)
        self._history = MAX_HISTORY
        self._steps: list[Step] = []
        self._summary = ""
        self._model = task.model
        self._exchange = ""

    async def work(self) -> Proposals | Back | Stop:
        over: str | Stop | None = None
        while over is None:
            over = await self._step()
        ending = over.reason if isinstance(over, Stop) else over
        self._task.run.progress(f"{len(self._steps)} steps: {ending}")
        told = {
            "ending": ending,
            "calls": self._box.calls,
            "steps": [asdict(step) for step in self._steps],
        }
        transcript = await self._task.run.save(
            "transcript.json", json.dumps(told, indent=1, ensure_ascii=False)
        )
        if isinstance(over, Stop):
            facts = over.facts.merged(Facts(artifacts={"transcript": transcript}))
            return Stop(over.outcome, over.reason, facts)
        if not self._box.edits:
            last = f"\n\nThe last result:\n\n{self._steps[-1].result}" if self._steps else ""
            return back(f"No edit was handed in: {ending}.{last}")
        # Its words may quote an edit; they must not be read as one.
        words = "" if holds_edit(self._summary, whole=False) else self._summary
        reply = "\n\n".join([words.strip(), *self._box.edits]).strip()
        proposal = Proposal(
            reply=reply, exchange_key=self._exchange or transcript, model=self._model
        )
        return self._task.proposals([proposal], transcript_key=transcript)

    async def _step(self) -> str | Stop | None:
        """One step; why the work is over, None where it is not."""
        number = len(self._steps) + 1
        if number > self._max_steps:
            return f"all {self._max_steps} steps are used up"
        if self._clock() > self._until:
            return "the time for a proposal is used up"
        try:
            content = await self._ask(number)
        except Halt as halt:
            if halt.outcome in LESS and self._box.edits:
                return halt.reason  # what there is goes on
            raise
        try:
            call = await asyncio.to_thread(self._understood, content)
            if isinstance(call, Submit) and self._box.edits:
                self._summary = call.body
                return "submitted"
            if isinstance(call, NeedsInfo):
                return lacking(call.body, self._exchange)
            if isinstance(call, NoChangeNeeded):
                return await self._unneeded(call, number)
            result = await self._box.use(call, f"{self._task.run.round}-step-{number:02}")
            said = repr(call)
        except (ToolError, EditFailed) as error:
            result = f"Error: {error}"
            said = content
        step = Step(content, said, result, result.startswith("Error:"))
        circling = goes_in_circles([*self._steps, step])
        warned = bool(self._steps) and self._steps[-1].note == CIRCLES
        self._steps.append(Step(content, said, result, step.wrong, CIRCLES if circling else ""))
        if circling and warned:
            return "it went in circles"
        wrong = [past.wrong for past in self._steps[-MAX_WRONG:]]
        return (
            f"{MAX_WRONG} calls in a row were wrong"
            if len(wrong) == MAX_WRONG and all(wrong)
            else None
        )

    async def _ask(self, number: int) -> str:
        while True:
            try:
                messages = conversation(self._begun, self._steps, self._max_steps, self._history)
                reply, self._exchange = await self._task.ask(
                    f"step-{number:02}", messages, hints="agent"
                )
                self._model = reply.model
                return reply.content
            except ModelError as error:  # longer than the model's context
                if self._history <= MIN_HISTORY:
                    raise error.verdict() from None
                self._history //= 2

    def _understood(self, content: str) -> Call:
        """A reply that holds edits and no call is a proposal, as in every strategy."""
        try:
            return parse_call(content)
        except ToolError:
            if not holds_edit(content) or "<tool name=" in content:
                raise
        self._box.write([*self._box.edits, content])
        return Submit(body="")

    async def _unneeded(self, call: NoChangeNeeded, number: int) -> Stop:
        """Raises ToolError where the edits are not new tests that pass on the base."""
        if (
            not self._task.suite.runnable
            or not self._box.paths
            or not only_tests(self._task, self._box.paths)
        ):
            raise ToolError(
                "it needs proof: tests that can be run, and as your only edit a new test file that"
                " passes."
            )
        proof = await on_base(self._task, self._box.tree, self._box.paths, f"unneeded-{number}")
        if proof.kind != "passes":
            raise ToolError(f"your test does not show it. {proof.said}")
        return unneeded(proof, call.body)


def goes_in_circles(steps: list[Step]) -> bool:
    """The same call with the same result over and over, or two in turn."""
    turns = [(step.call, step.result) for step in steps]
    same = turns[-REPEATS:]
    two = turns[-2 * REPEATS :]
    if len(same) == REPEATS and len(set(same)) == 1:
        return True
    return len(two) == 2 * REPEATS and len(set(two[::2])) == len(set(two[1::2])) == 1


def conversation(
    begun: tuple[Message, ...], steps: list[Step], max_steps: int, max_history: int
) -> tuple[Message, ...]:
    """What is sent: the beginning and the last message are marked for the provider's cache.

    Results are left out half of the history at a time: each time that changes what a provider has kept.
    """
    left_out = 0
    for count in range(1, len(steps) + 1):
        if _size(steps[:count], left_out) > max_history:
            while (
                left_out < count - KEPT_STEPS and _size(steps[:count], left_out) > max_history // 2
            ):
                left_out += 1
    messages = [*begun[:-1], begun[-1].model_copy(update={"reused": True})]
    for number, step in enumerate(steps, 1):
        shown = (
            fenced(step.result)
            if number > left_out
            else f"[{len(step.result)} characters, left out]"
        )
        note = f"\n\n{step.note}" if step.note else ""
        said = f"Step {number} of {max_steps}:\n\n{shown}{note}"
        messages += [
            Message(role="assistant", content=step.reply),
            Message(role="user", content=said),
        ]
    messages[-1] = messages[-1].model_copy(update={"reused": True})
    return tuple(messages)


def _size(steps: list[Step], left_out: int) -> int:
    return sum(len(step.reply) for step in steps) + sum(
        len(step.result) for step in steps[left_out:]
    )
