"""A run of tests: its command lines share its time."""

from dataclasses import replace
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.run.in_tree import TreeRunner
from sandbox import SandboxCommand, SandboxResult
from tests.repository.testing.install.test_installer import RECIPE, ScriptedSandbox


class SlowSandbox(ScriptedSandbox):
    """Each command takes 40 seconds and leaves no report."""

    async def run(self, command: SandboxCommand) -> SandboxResult:
        return replace(await super().run(command), seconds=40.0)


async def test_further_attempts_have_what_is_left_of_the_time(tmp_path: Path) -> None:
    sandbox = SlowSandbox()
    recipe = RECIPE.model_copy(update={"runner": "pytest"})
    environment = BuiltEnvironment(
        recipe=recipe,
        interpreter=Path("/usr/bin/python3"),
        install_mode="path",
        tool_folders=(),
        readable=(),
    )
    command = SandboxCommand((), cwd=tmp_path / "tree", timeout=100.0)
    (tmp_path / "report").mkdir()
    runner = TreeRunner(sandbox, tmp_path, recipe, environment, command)
    report = await runner.run(["test_a.py"], CommandLog())
    assert not report.results
    assert [command.timeout for command in sandbox.commands] == [100.0, 60.0]
    assert report.seconds == 80.0, "it is how long the same run would take again"
