"""Execute the calls of one reply, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.model import ModelReply
from prompts.filters import clip, one_line
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.attempt_workspace import AttemptWorkspace
from stages.propose_patch.agent.final_calls import Answer, CurrentStep
from stages.propose_patch.agent.protocol import (
    ApplyEdits,
    BadCall,
    Call,
    NeedsInfo,
    NoChangeNeeded,
    Protocol,
    Reply,
    Submit,
    read_calls,
)
from stages.propose_patch.agent.steps import Observation, RunEnd, StepRecord
from stages.propose_patch.agent.workspace_tools import describe_call, observe, observe_bad_call
from stages.propose_patch.task import Task

#: Characters of a call in a progress report.
MAX_PROGRESS = 100


@dataclass
class StepResult:
    """The result of a reply's calls so far."""

    observations: list[Observation] = field(default_factory=list)
    reviewed_tree: str | None = None
    asked_again: str | None = None
    ending: str | None = None
    run_end: RunEnd | None = None
    summary: str | None = None
    title: str | None = None
    replies: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return any(observation.failed for observation in self.observations)


class Executor:
    """Executes the calls of replies."""

    def __init__(self, task: Task, workspace: AttemptWorkspace, protocol: Protocol):
        self._task = task
        self._workspace = workspace
        self._protocol = protocol

    async def execute(self, reply: ModelReply, current: CurrentStep) -> StepResult:
        """Execute the calls of a reply in order.

        After a failed call, the others are still executed, except those that end the work.
        """
        step = StepResult()
        for call in read_calls(reply, self._protocol):
            observation = await self._observe(call, step, current)
            step.observations.append(self._redacted(observation))
        return step

    async def _observe(
        self, call: Call | BadCall, step: StepResult, current: CurrentStep
    ) -> Observation:
        if isinstance(call, BadCall):
            return observe_bad_call(call)
        tool = call.tool
        if step.ending is not None:
            return _refuse(call, messages.ROUND_OVER)
        self._report(call, current)
        if isinstance(tool, ApplyEdits):
            return await self._apply_edits(tool, call, current)
        if isinstance(tool, Reply):
            return self._reply(tool, call, step)
        if not isinstance(tool, Submit | NeedsInfo | NoChangeNeeded):
            return await self._workspace.tools.use(tool, call.call_id)
        if step.failed:
            return _refuse(call, messages.NOT_FINAL.format(tool=tool.name))
        current = replace(
            current,
            calls=[*current.calls, *step.observations],
            replied=current.replied | step.replies.keys(),
        )
        answer = await self._workspace.final_calls.use(tool, current)
        _note_answer(step, call, answer)
        text = messages.say(answer.text)
        return observe(tool, call.call_id, text, failed=answer.failed)

    async def _apply_edits(self, tool: ApplyEdits, call: Call, current: CurrentStep) -> Observation:
        if _are_just_applied(tool, current.earlier):
            return observe(tool, call.call_id, messages.say(messages.APPLIED_ALREADY))
        if self._begins_later_round(call, current):
            return await self._workspace.tools.replace_change(tool)
        return await self._workspace.tools.use(tool, call.call_id)

    def _reply(self, tool: Reply, call: Call, step: StepResult) -> Observation:
        """Note the reply to a review comment."""
        follow_up = self._task.follow_up
        if follow_up is None:
            return _refuse(call, messages.NOT_A_REVIEW)
        name = follow_up.find_comment(tool.comment)
        if name is None:
            return _refuse(call, messages.unknown_comment(tool.comment, follow_up.names))
        step.replies[name] = self._task.session.redact(tool.text)
        return observe(tool, call.call_id, messages.say(messages.REPLIED))

    def _begins_later_round(self, call: Call, current: CurrentStep) -> bool:
        return call.call_id is None and not current.earlier and self._task.run.round > 1

    def _report(self, call: Call, current: CurrentStep) -> None:
        description = clip(one_line(describe_call(call.tool)), MAX_PROGRESS)
        self._task.run.progress(f"step {current.number}: {description}")

    def _redacted(self, observation: Observation) -> Observation:
        redact = self._task.session.redact
        update = {"call": redact(observation.call), "text": redact(observation.text)}
        return observation.model_copy(update=update)


def _note_answer(step: StepResult, call: Call, answer: Answer) -> None:
    """Add to the result the answer to a call that would end the work."""
    step.reviewed_tree = answer.reviewed_tree
    step.ending = answer.ending
    if answer.asked_again:
        step.asked_again = call.tool.name
    if answer.stop is not None:
        step.run_end = RunEnd.of(answer.stop)
    if isinstance(call.tool, Submit):
        step.summary = call.tool.summary
        step.title = call.tool.title


def _are_just_applied(tool: ApplyEdits, earlier: Sequence[StepRecord]) -> bool:
    """Whether the same edits were applied, and nothing but the same edits was sent since.

    What they replace may still occur in what they insert, so they could be applied again and again.
    """
    description = describe_call(tool)
    for record in reversed(earlier):
        if any(observation.call != description for observation in record.observations):
            return False
        if any(observation.edited for observation in record.observations):
            return True
    return False


def _refuse(call: Call, text: str) -> Observation:
    return observe(call.tool, call.call_id, messages.say(text), failed=True)
