"""The calls that end the work: submit, needs_info and no_change_needed.

Each is a conversation. The first ``submit`` shows what would be handed in; the other two are asked
about once more where the workspace holds a change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.stage import Stop
from repository.edits.model import EditFailed
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.hand_in import HandIn, HandIns
from stages.propose_patch.agent.protocol import NeedsInfo, NoChangeNeeded, Submit
from stages.propose_patch.agent.review import review
from stages.propose_patch.agent.steps import StepRecord
from stages.propose_patch.base_code import EditedTree
from stages.propose_patch.base_tests import run_on_base, stop_for_passing_tests
from stages.propose_patch.replies import stop_for_missing_info
from stages.propose_patch.task import Task

#: How often ``submit`` is answered with a review in one round.
MAX_REVIEWS = 2


@dataclass(frozen=True)
class Place:
    """The step of a call."""

    attempt: int
    step: int
    exchange_key: str

    @property
    def label(self) -> str:
        """Name of the logs of its test runs."""
        return f"{self.attempt}-{self.step:03}"


@dataclass(frozen=True)
class Answer:
    """The answer to a call that would end the work."""

    text: str
    ending: str | None = None
    """Why the round ends; None if it goes on."""
    stop: Stop | None = None
    """The end of the run, if the round ends with it."""
    reviewed: str | None = None
    """Hash of the change that the text shows."""
    asked_again: bool = False
    failed: bool = False


class Exits:
    """Answers the calls that end the work."""

    def __init__(self, task: Task, hand_ins: HandIns, seconds_left: Callable[[], float]):
        """``seconds_left`` returns the seconds that one call may take."""
        self._task = task
        self._hand_ins = hand_ins
        self._seconds_left = seconds_left

    async def use(
        self,
        tool: Submit | NeedsInfo | NoChangeNeeded,
        round_records: Sequence[StepRecord],
        step: Place,
    ) -> Answer:
        """Answer a call.

        Args:
            tool: the call.
            round_records: the earlier steps of this round.
            step: the step of the call.
        """
        match tool:
            case Submit():
                return await self._submit(round_records, step)
            case NeedsInfo():
                return await self._needs_info(tool, round_records, step)
            case NoChangeNeeded():
                return await self._no_change_needed(tool, round_records, step)

    async def _submit(self, round_records: Sequence[StepRecord], step: Place) -> Answer:
        try:
            hand_in = await self._hand_ins.read()
        except EditFailed as error:
            return Answer(f"Nothing can be handed in: {error}", failed=True)
        reviewed = [record.reviewed for record in round_records if record.reviewed]
        if hand_in.hash in reviewed[-1:] or len(reviewed) >= MAX_REVIEWS:
            return Answer("Handed in.", ending="submitted")
        text = await review(self._task, hand_in, step.label, self._seconds_left())
        return Answer(text, reviewed=hand_in.hash)

    async def _needs_info(
        self, tool: NeedsInfo, round_records: Sequence[StepRecord], step: Place
    ) -> Answer:
        hand_in = await self._change()
        if hand_in is not None and not _was_asked(tool.name, round_records):
            return Answer(messages.ask_again(tool.name, hand_in.paths), asked_again=True)
        stop = stop_for_missing_info(tool.what, step.exchange_key)
        return Answer("The work ends.", ending=stop.reason, stop=stop)

    async def _no_change_needed(
        self, tool: NoChangeNeeded, round_records: Sequence[StepRecord], step: Place
    ) -> Answer:
        """End the run if new tests that pass on the base are the only change."""
        hand_in = await self._change()
        if hand_in is None:
            return Answer(messages.needs_proof("There is no test yet."), failed=True)
        if not self._task.are_tests(hand_in.paths):
            if not _was_asked(tool.name, round_records):
                return Answer(messages.ask_again(tool.name, hand_in.paths), asked_again=True)
            return Answer(
                messages.needs_proof("Take back the other changes, or submit them."), failed=True
            )
        if not self._task.suite.runnable:
            return Answer(messages.needs_proof("The tests can't be run here."), failed=True)
        tree = EditedTree(hand_in.tree, tuple(hand_in.paths))
        proof = await run_on_base(self._task, tree, f"unneeded-{step.label}")
        if proof.kind != "passes":
            return Answer(messages.needs_proof(proof.explanation), failed=True)
        stop = stop_for_passing_tests(proof, tool.why)
        return Answer("The work ends.", ending=stop.reason, stop=stop)

    async def _change(self) -> HandIn | None:
        try:
            return await self._hand_ins.read()
        except EditFailed:
            return None


def _was_asked(tool: str, round_records: Sequence[StepRecord]) -> bool:
    return any(record.asked_again == tool for record in round_records)
