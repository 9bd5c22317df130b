"""The spans of commands in the sandbox."""

from pathlib import Path

import pytest

from pipeline.telemetry.traced_sandbox import TracedSandbox
from sandbox import SandboxCommand, SandboxResult
from tests.stand_ins.spans import Spans


class Sandbox:
    """A sandbox in which each command ends in the same way."""

    name = "stand-in"

    def __init__(self, result: SandboxResult):
        self._result = result

    def path_inside(self, run_folder: Path) -> Path:
        return run_folder

    async def run(self, command: SandboxCommand) -> SandboxResult:
        return self._result


@pytest.mark.parametrize(
    ("result", "limit"),
    [
        (SandboxResult(0, "secret output", timed_out=False, seconds=1.0), None),
        (SandboxResult(124, "", timed_out=True, seconds=1.0), "time"),
        (SandboxResult(137, "", timed_out=False, seconds=1.0, exceeded="memory"), "memory"),
    ],
)
async def test_a_command_says_how_it_ended_and_not_what_it_was(
    result: SandboxResult, limit: str | None
) -> None:
    spans = Spans()
    command = SandboxCommand(("curl", "secret argument"), cwd=Path("/"))
    assert await TracedSandbox(Sandbox(result), spans.tracer).run(command) is result
    attributes = spans.root().attributes
    assert attributes.pop("coding_agent.sandbox.exceeded", None) == limit
    assert attributes == {
        "coding_agent.sandbox.network": command.network,
        "process.exit.code": result.returncode,
    }
