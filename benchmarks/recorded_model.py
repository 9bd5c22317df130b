"""A stand-in model that issues recorded commands again, one per reply.

It reads how each command ended from the steps that the loop stores. It stops at the first command
that had an effect only here or only in the recorded run: the commands after it were written for a
different tree. It submits once all commands were issued.
"""

import json
from collections import deque
from pathlib import Path

from benchmarks.effects import EffectTracker
from benchmarks.recordings import RecordedCommand, Recording
from benchmarks.replayed_commands import CommandResult
from benchmarks.shell_commands import kind_of
from pipeline.model import ModelReply, ModelRequest, ToolCall
from pipeline.model.capabilities import ModelProfile
from pipeline.model.worst_case import WorstCase
from pipeline.stage import RunContext
from stages.propose_patch.agent.steps import StepRecord

#: Seconds that are requested for a command: this machine may be slower than the recorded one.
COMMAND_SECONDS = 300
#: The recorded agent's time limit, in seconds.
RECORDED_SECONDS = 60
_MAX_CHARS = 300


class RecordedModel:
    """Implements ``ModelClient`` for one recording, at no cost.

    Attributes:
        results: the results of the issued commands, in order; that of the last may be missing.
        not_issued: number of commands whose program the recorded machine lacked.
        cut: the command at which the replay was stopped, and why; None if it was not.
    """

    def __init__(self, recording: Recording, base_paths: frozenset[str]):
        self.results: list[CommandResult] = []
        self.not_issued = 0
        self.cut: str | None = None
        self._waiting = deque(recording.commands)
        self._effects = EffectTracker(base_paths)
        self._run: RunContext | None = None
        self._issued: RecordedCommand | None = None
        self._replies = 0

    def attach(self, run: RunContext) -> None:
        """Replay in this run, whose folder and steps the model needs to know."""
        self._run = run

    @property
    def waiting(self) -> int:
        """Number of commands that were not issued."""
        return len(self._waiting)

    def profile(self, model: str) -> ModelProfile:
        return ModelProfile(protocol="native")

    def worst_case(self, request: ModelRequest) -> WorstCase:
        return WorstCase(0.0)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """Recorded commands cost nothing."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        await self._read_result()
        call = self._next_call()
        self._replies += 1
        return ModelReply(
            content="",
            tool_calls=(call,),
            finish_reason="tool_calls",
            model=request.model,
            prompt_tokens=0,
            completion_tokens=0,
            cost_usd=0.0,
        )

    async def _read_result(self) -> None:
        """Compare how the last command ended with the recording."""
        command = self._issued
        self._issued = None
        if command is None:
            return
        result = await self._result_of(command)
        self.results.append(result)
        self._effects.note(command.text)
        if self._effects.differs(result):
            self.cut = _describe(result)

    async def _result_of(self, command: RecordedCommand) -> CommandResult:
        step = await self._read_step()
        (observation,) = step.observations
        stopped = step.seconds >= _time_limit(command)
        return CommandResult(
            recorded=command,
            kind=kind_of(command.text),
            exit_code=None if stopped else observation.exit_code,
            output=observation.text,
            seconds=step.seconds,
        )

    async def _read_step(self) -> StepRecord:
        """Return the step that the loop stored for the last reply."""
        assert self._run is not None
        name = f"attempt-1/step-{self._replies:03}"
        text = await self._run.remember(name, _raise_missing_step)
        return StepRecord.model_validate_json(text)

    def _next_call(self) -> ToolCall:
        if self.cut is not None:
            return self._call("needs_info", {"what": f"The replay was cut at {self.cut}"})
        command = self._next_command()
        if command is None:
            return self._call("submit", {"summary": "The recorded change."})
        self._issued = command
        arguments = {"command": self._relocate(command), "seconds": _time_limit(command)}
        return self._call("bash", arguments)

    def _next_command(self) -> RecordedCommand | None:
        while self._waiting:
            command = self._waiting.popleft()
            if command.had_program:
                return command
            self.not_issued += 1
        return None

    def _relocate(self, command: RecordedCommand) -> str:
        assert self._run is not None
        folder: Path = self._run.workspace
        return command.relocated(folder / "tree", folder / "env")

    def _call(self, name: str, arguments: dict[str, object]) -> ToolCall:
        text = json.dumps(arguments, ensure_ascii=False)
        return ToolCall(id=f"call_{self._replies + 1}", name=name, arguments=text)


def _time_limit(command: RecordedCommand) -> int:
    return COMMAND_SECONDS if command.exit_code is not None else RECORDED_SECONDS


def _describe(result: CommandResult) -> str:
    recorded = result.recorded
    text = " ".join(recorded.text.split())[:_MAX_CHARS]
    return (
        f"command {recorded.number} ({result.kind}): ended with {recorded.exit_code} there and with"
        f" {result.exit_code} here: {text}"
    )


async def _raise_missing_step() -> str:
    raise LookupError("the loop stored no such step")
