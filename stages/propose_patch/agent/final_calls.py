"""The calls that end the work: submit, needs_info and no_change_needed.

The first ``submit`` is answered with a review of the change. If the workspace has changes, the
other two must be called twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.stage import Stop
from repository.edits.model import EditFailed
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.protocol import NeedsInfo, NoChangeNeeded, Submit
from stages.propose_patch.agent.review import review
from stages.propose_patch.agent.steps import Observation, StepRecord
from stages.propose_patch.agent.submission import Submission, SubmissionReader
from stages.propose_patch.base_code import EditedTree
from stages.propose_patch.base_tests import run_on_base, stop_for_passing_tests
from stages.propose_patch.description import find_title_fault, speaks_of_the_work
from stages.propose_patch.replies import stop_for_missing_info
from stages.propose_patch.task import Task

#: How often ``submit`` is answered with a review in one round.
MAX_REVIEWS = 2


@dataclass(frozen=True)
class CurrentStep:
    """The step that a call belongs to."""

    attempt: int
    number: int
    exchange_key: str
    earlier: Sequence[StepRecord]
    """The earlier steps of this round."""
    calls: Sequence[Observation]
    """All earlier calls, including those of earlier rounds."""
    replied: frozenset[str] = frozenset()
    """The names of the review comments that have a reply."""

    @property
    def label(self) -> str:
        """Names the logs of its test runs."""
        return f"{self.attempt}-{self.number:03}"

    def was_asked_again(self, tool: str) -> bool:
        """Whether the model was asked in this round to call the tool again."""
        return any(record.asked_again == tool for record in self.earlier)


@dataclass(frozen=True)
class Answer:
    """The answer to a call that would end the work."""

    text: str
    ending: str | None = None
    """Why the round ends; None if it goes on."""
    stop: Stop | None = None
    """The end of the run, if the round ends with it."""
    reviewed_tree: str | None = None
    """SHA of the tree whose change the text shows."""
    asked_again: bool = False
    """Whether the model must call the tool again to end the work."""
    failed: bool = False


class FinalCalls:
    """Answers the calls that end the work."""

    def __init__(
        self, task: Task, submissions: SubmissionReader, seconds_left: Callable[[], float]
    ):
        """``seconds_left`` returns the time limit of one call."""
        self._task = task
        self._submissions = submissions
        self._seconds_left = seconds_left

    async def use(self, tool: Submit | NeedsInfo | NoChangeNeeded, step: CurrentStep) -> Answer:
        """Answer a call."""
        if self._task.follow_up is not None and not isinstance(tool, Submit):
            return Answer(messages.ONLY_A_REVIEW, failed=True)
        match tool:
            case Submit():
                return await self._submit(tool, step)
            case NeedsInfo():
                return await self._needs_info(tool, step)
            case NoChangeNeeded():
                return await self._no_change_needed(tool, step)

    async def _submit(self, tool: Submit, step: CurrentStep) -> Answer:
        try:
            submission = await self._submissions.read(step.calls)
        except EditFailed as error:
            return Answer(f"Nothing can be submitted: {error}", failed=True)
        reviewed = [record.reviewed_tree for record in step.earlier if record.reviewed_tree]
        if submission.tree in reviewed[-1:] or len(reviewed) >= MAX_REVIEWS:
            return Answer("Submitted.", ending="submitted")
        text = await self._review(tool, submission, step)
        return Answer(text, reviewed_tree=submission.tree)

    async def _review(self, tool: Submit, submission: Submission, step: CurrentStep) -> str:
        """Return the answer to a ``submit`` that is not final."""
        follow_up = self._task.follow_up
        if follow_up is not None and submission.tree == follow_up.tree:
            parts = [messages.SAME_AS_BEFORE]
        else:
            text = await review(self._task, submission, step.label, self._seconds_left())
            parts = [text + _describe_faults(tool)]
        if follow_up is not None:
            missing = [name for name in follow_up.names if name not in step.replied]
            if missing:
                parts.append(messages.without_reply(missing))
        return "\n\n".join(parts)

    async def _needs_info(self, tool: NeedsInfo, step: CurrentStep) -> Answer:
        submission = await self._change(step)
        if submission is not None and not step.was_asked_again(tool.name):
            return Answer(messages.ask_again(tool.name, submission.paths), asked_again=True)
        stop = stop_for_missing_info(tool.what, step.exchange_key)
        return Answer("The work ends.", ending=stop.reason, stop=stop)

    async def _no_change_needed(self, tool: NoChangeNeeded, step: CurrentStep) -> Answer:
        """End the run if the only change is new tests that pass on the base."""
        submission = await self._change(step)
        if submission is None:
            return Answer(messages.needs_proof("There is no test yet."), failed=True)
        if not self._task.are_tests(submission.paths):
            if not step.was_asked_again(tool.name):
                return Answer(messages.ask_again(tool.name, submission.paths), asked_again=True)
            return Answer(
                messages.needs_proof("Undo the other changes, or submit them."), failed=True
            )
        if not self._task.suite.runnable:
            return Answer(messages.needs_proof("The tests can't be run here."), failed=True)
        tree = EditedTree(submission.tree, tuple(submission.paths))
        proof = await run_on_base(self._task, tree, f"unneeded-{step.label}")
        if proof.kind != "passes":
            return Answer(messages.needs_proof(proof.explanation), failed=True)
        stop = stop_for_passing_tests(proof, tool.why)
        return Answer("The work ends.", ending=stop.reason, stop=stop)

    async def _change(self, step: CurrentStep) -> Submission | None:
        try:
            return await self._submissions.read(step.calls)
        except EditFailed:
            return None


def _describe_faults(tool: Submit) -> str:
    """Return what is wrong with the title and the summary; empty if nothing is."""
    faults: list[str] = []
    title_fault = find_title_fault(tool.title) if tool.title else "is missing"
    if title_fault is not None:
        faults.append(f"The title {title_fault}.")
    if speaks_of_the_work(tool.summary):
        faults.append(messages.SUMMARY_NEEDS_CONVERSATION)
    if not faults:
        return ""
    return f"\n\n{messages.DESCRIPTION} {' '.join(faults)}"
