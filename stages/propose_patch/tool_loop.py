"""The strategy ``agent``: the model explores, edits and tests by itself, a tool call per reply.

The loop follows mini-swe-agent (github.com/SWE-agent/mini-swe-agent). In each step it asks the
model, stores the exchange, executes the one call and shows its result. Every reply is bought under
its step's key, and a result that can't be reproduced is stored under that key too. So a killed run
repeats the same steps on any machine, buys no reply twice and sends the same bytes. The
result is a proposal like any other.
"""

import asyncio
import json
import time
from dataclasses import asdict, dataclass, replace

from pipeline.errors import Halt
from pipeline.model import Message
from pipeline.model.failures import ModelError
from pipeline.outcome import Facts
from pipeline.stage import Back, Stop
from prompts.filters import fenced
from repository.edits.model import EditFailed
from stages.propose_patch.base_tests import run_on_base, stop_for_passing_tests
from stages.propose_patch.history import (
    MAX_HISTORY,
    MIN_HISTORY,
    Step,
    conversation,
    goes_in_circles,
)
from stages.propose_patch.model_session import Exchange, Question
from stages.propose_patch.replies import holds_edit, may_be_read_as_edit, stop_for_missing_info
from stages.propose_patch.results import Proposal, Proposals
from stages.propose_patch.task import RECOVERABLE, Task, another_round
from stages.propose_patch.toolbox import COMMAND_SECONDS, Toolbox
from stages.propose_patch.tools import (
    Call,
    NeedsInfo,
    NoChangeNeeded,
    Submit,
    ToolError,
    describe_text_protocol,
    parse_call,
)

MAX_STEPS = 30
#: Share of the run's remaining time; the rest is for testing the proposal.
MINUTES_SHARE = 0.6
#: The agent is stopped after this many invalid calls in a row.
MAX_INVALID_CALLS = 5
CIRCLES = (
    "You go in circles: the same calls give the same results. Do something else, or submit what you"
    " have."
)


async def propose(task: Task) -> Proposals | Back | Stop:
    toolbox = await asyncio.to_thread(Toolbox, task)
    variables = {
        **task.variables,
        "facts": {
            "tree": ".",
            "home": "~",
            "temporary": "$TMPDIR",
            "tmp_lasts": True,
            "python": task.suite.python,
            "runner": task.suite.runner,
            "history": "one commit",
            "programs": [],
        },
        "limits": {
            "steps": MAX_STEPS,
            "command_seconds": int(COMMAND_SECONDS),
            "minutes": 30,
            "usd": 2.0,
        },
        "protocol": "text",
        "text_protocol": describe_text_protocol(),
    }
    prompt = await asyncio.to_thread(task.session.render_prompt, "agent_system", "agent", variables)
    return await Agent(task, toolbox, prompt).work()


@dataclass(frozen=True)
class Ending:
    """Why the agent stopped; ``stop`` is set if the run ends with it."""

    reason: str
    stop: Stop | None = None


class Agent:
    """One round's work of the model with the toolbox."""

    def __init__(self, task: Task, toolbox: Toolbox, prompt: tuple[Message, ...]):
        self._task = task
        self._run = task.run
        self._toolbox = toolbox
        self._prompt = prompt
        self._deadline = time.monotonic() + self._run.seconds_left() * MINUTES_SHARE
        self._max_history = MAX_HISTORY
        self._steps: list[Step] = []
        self._last_exchange: Exchange | None = None
        self._summary = ""

    async def work(self) -> Proposals | Back | Stop:
        ending: Ending | None = None
        while ending is None:
            ending = await self._take_step()
        self._run.progress(f"{len(self._steps)} steps: {ending.reason}")
        transcript_key = await self._save_transcript(ending)
        if ending.stop is not None:
            facts = ending.stop.facts.merged(Facts(artifacts={"transcript": transcript_key}))
            return replace(ending.stop, facts=facts)
        if not self._toolbox.edits:
            return self._no_edit(ending)
        return self._task.proposals([self._proposal(transcript_key)], transcript_key=transcript_key)

    # One step

    async def _take_step(self) -> Ending | None:
        """Ask the model and execute its call; return an ending if the work is over, else None."""
        limit = self._reached_limit()
        if limit is not None:
            return Ending(limit)
        number = len(self._steps) + 1
        try:
            reply = await self._ask(number)
        except Halt as halt:
            if halt.outcome in RECOVERABLE and self._toolbox.edits:
                return Ending(halt.reason)
            raise
        return await self._carry_out(reply, number)

    def _reached_limit(self) -> str | None:
        if len(self._steps) >= MAX_STEPS:
            return f"all {MAX_STEPS} steps are used up"
        if time.monotonic() > self._deadline:
            return "the time for a proposal is used up"
        return None

    async def _ask(self, number: int) -> str:
        """Return the model's reply. A history too long for the model is halved until it fits."""
        while True:
            messages = conversation(self._prompt, self._steps, MAX_STEPS, self._max_history)
            question = Question(label=f"step-{number:02}", messages=messages, template="agent")
            try:
                self._last_exchange = await self._task.session.ask(question)
            except ModelError as error:
                if self._max_history <= MIN_HISTORY:
                    raise error.verdict() from None
                self._max_history //= 2
                continue
            return self._last_exchange.reply.content

    async def _carry_out(self, reply: str, number: int) -> Ending | None:
        try:
            call = await asyncio.to_thread(self._read_call, reply)
            ending = await self._final_call(call, number)
            if ending is not None:
                return ending
            result = await self._toolbox.use(call, f"{self._run.round}-step-{number:02}")
            description = repr(call)
        except (ToolError, EditFailed) as error:
            result = f"Error: {error}"
            description = reply
        return self._add(Step(reply, description, result, result.startswith("Error:")))

    def _read_call(self, reply: str) -> Call:
        """Return the reply's call. A reply with edits and no call is a proposal."""
        try:
            return parse_call(reply)
        except ToolError:
            if "<tool name=" in reply or not holds_edit(reply):
                raise
        self._toolbox.apply([*self._toolbox.edits, reply])
        return Submit(body="")

    async def _final_call(self, call: Call, number: int) -> Ending | None:
        """Return the ending that a call asks for, or None if the call is not a final one."""
        match call:
            case Submit() if self._toolbox.edits:
                self._summary = call.body
                return Ending("submitted")
            case NeedsInfo():
                stop = stop_for_missing_info(call.body, self._exchange_key)
                return Ending(stop.reason, stop)
            case NoChangeNeeded():
                stop = await self._prove_no_change_needed(call, number)
                return Ending(stop.reason, stop)
        return None

    async def _prove_no_change_needed(self, call: NoChangeNeeded, number: int) -> Stop:
        """Run the new tests on the base, and return the end of a run that needs no change.

        Raises:
            ToolError: the edits are not new tests that pass on the base.
        """
        tree = self._toolbox.tree
        if not self._task.suite.runnable or not tree.paths or not self._task.are_tests(tree.paths):
            raise ToolError(
                "it needs proof: tests that can be run, and as your only edit a new test file that"
                " passes."
            )
        proof = await run_on_base(self._task, tree, f"unneeded-{number}")
        if proof.kind != "passes":
            raise ToolError(f"your test does not show it. {proof.explanation}")
        return stop_for_passing_tests(proof, call.body)

    def _add(self, step: Step) -> Ending | None:
        """Add a step; return an ending if the model is stuck, else None."""
        was_warned = bool(self._steps) and self._steps[-1].note == CIRCLES
        circles = goes_in_circles([*self._steps, step])
        self._steps.append(replace(step, note=CIRCLES if circles else ""))
        if circles and was_warned:
            return Ending("the model went in circles")
        last = self._steps[-MAX_INVALID_CALLS:]
        if len(last) == MAX_INVALID_CALLS and all(past.wrong for past in last):
            return Ending(f"{MAX_INVALID_CALLS} calls in a row were invalid")
        return None

    # The end

    @property
    def _exchange_key(self) -> str:
        return self._last_exchange.key if self._last_exchange else ""

    async def _save_transcript(self, ending: Ending) -> str:
        transcript = {
            "ending": ending.reason,
            "calls": self._toolbox.calls,
            "steps": [asdict(step) for step in self._steps],
        }
        text = json.dumps(transcript, indent=1, ensure_ascii=False)
        return await self._run.save("transcript.json", text)

    def _no_edit(self, ending: Ending) -> Back:
        because = f"No edit was submitted: {ending.reason}."
        if self._steps:
            because += f"\n\nThe last result:\n\n{fenced(self._steps[-1].result)}"
        return another_round(because)

    def _proposal(self, transcript_key: str) -> Proposal:
        """Return all edits as one reply, after the model's summary.

        A summary that quotes an edit is left out, so that the quote is not parsed as an edit.
        """
        parts = list(self._toolbox.edits)
        if not may_be_read_as_edit(self._summary):
            parts.insert(0, self._summary.strip())
        exchange = self._last_exchange
        return Proposal(
            reply="\n\n".join(parts).strip(),
            exchange_key=exchange.key if exchange else transcript_key,
            model=exchange.reply.model if exchange else self._task.session.model,
        )
