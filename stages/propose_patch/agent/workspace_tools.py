"""Execute the calls that work in the workspace: bash, edit, apply_patch and run_tests."""

from collections.abc import Callable, Sequence

from prompts.filters import fenced
from repository.edits.model import EditFailed
from repository.workspace import CommandOutput, Workspace
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.editor import Editor, EditResult
from stages.propose_patch.agent.protocol import ApplyEdits, BadCall, Bash, Edit, RunTests, Tool
from stages.propose_patch.agent.steps import Observation
from stages.propose_patch.agent.workspace_tests import WorkspaceTests

#: Default time limit of a command.
COMMAND_SECONDS = 120.0


class WorkspaceTools:
    """The tools that work in the workspace."""

    def __init__(
        self,
        workspace: Workspace,
        editor: Editor,
        tests: WorkspaceTests,
        seconds_left: Callable[[], float],
    ):
        """``seconds_left`` returns the time limit of one call."""
        self._workspace = workspace
        self._editor = editor
        self._tests = tests
        self._seconds_left = seconds_left

    async def use(
        self, tool: Bash | Edit | ApplyEdits | RunTests, call_id: str | None
    ) -> Observation:
        """Execute a call.

        Raises:
            OSError: the sandbox or the disk refused; the run can be tried again.
        """
        match tool:
            case Bash():
                return await self._with_repository(await self._bash(tool, call_id))
            case RunTests():
                text = await self._tests.run(tool.tests, seconds=self._seconds_left())
                return await self._with_repository(observe(tool, call_id, messages.say(text)))
            case Edit() | ApplyEdits():
                return await self._edit(tool, call_id)

    async def _with_repository(self, observation: Observation) -> Observation:
        """Restore the tree's repository if a call deleted it, and say so in its observation."""
        note = await self._workspace.restore_repository()
        if note is None:
            return observation
        text = f"{observation.text}\n\n{messages.say(note)}"
        return observation.model_copy(update={"text": text})

    async def _bash(self, tool: Bash, call_id: str | None) -> Observation:
        seconds = min(tool.seconds or COMMAND_SECONDS, self._seconds_left())
        output = await self._workspace.run(tool.command, seconds=seconds)
        observation = observe(tool, call_id, show_output(output))
        return observation.model_copy(update={"exit_code": output.exit_code})

    async def _edit(self, tool: Edit | ApplyEdits, call_id: str | None) -> Observation:
        try:
            edited = await self._editor.use(tool)
        except EditFailed as error:
            return observe(tool, call_id, messages.say(f"error: {error}"), failed=True)
        notes = [messages.APPLIED] if isinstance(tool, ApplyEdits) else []
        return _observe_edit(tool, call_id, edited, notes)

    async def replace_change(self, tool: ApplyEdits) -> Observation:
        """Execute the edits of a reply without a call that begins a later round.

        They are a whole new change, and may have been written for the unchanged repository. If they
        match only that, they replace the change so far.
        """
        observation = await self._edit(tool, None)
        if not observation.failed:
            return observation
        try:
            edited = await self._editor.start_over(tool)
        except EditFailed:
            return observation
        return _observe_edit(tool, None, edited, [messages.STARTED_OVER, messages.APPLIED])


def _observe_edit(
    tool: Edit | ApplyEdits, call_id: str | None, edited: EditResult, notes: Sequence[str]
) -> Observation:
    text = "\n\n".join([messages.say(edited.text), *notes])
    observation = observe(tool, call_id, text)
    return observation.model_copy(update={"edited": edited.files})


def show_output(output: CommandOutput) -> str:
    """Return a command's output in a fence, followed by its exit code."""
    body = fenced(output.text) if output.text else "(no output)"
    ended = " ".join([f"exit code {output.exit_code}.", *output.notes])
    return f"{body}\n{messages.say(ended)}"


def observe(tool: Tool, call_id: str | None, text: str, *, failed: bool = False) -> Observation:
    """Return the observation of a call."""
    return Observation(
        call_id=call_id,
        tool=tool.name,
        call=describe_call(tool),
        text=text,
        failed=failed,
    )


def observe_bad_call(call: BadCall) -> Observation:
    return Observation(
        call_id=call.call_id,
        tool=call.name,
        call=call.name,
        text=messages.say(f"error: {call.error}"),
        failed=True,
        understood=False,
    )


def describe_call(tool: Tool) -> str:
    """Return a call for people: the command, or another tool's arguments, one per line."""
    if isinstance(tool, Bash):
        return tool.command
    arguments = tool.model_dump(exclude_defaults=True)
    return "\n".join([tool.name, *(f"{name}: {value}" for name, value in arguments.items())])
