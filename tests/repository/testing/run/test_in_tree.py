"""A run of tests: its command lines share its time."""

from pathlib import Path

import pytest

from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.run import in_tree
from repository.testing.run.in_tree import TreeRunner
from sandbox import SandboxCommand, SandboxResult
from tests.repository.testing.install.test_installer import RECIPE, ScriptedSandbox


class SlowSandbox(ScriptedSandbox):
    """Each command takes 40 seconds of its own clock and leaves no report."""

    now = 0.0

    async def run(self, command: SandboxCommand) -> SandboxResult:
        self.now += 40.0
        return await super().run(command)


async def test_further_attempts_have_what_is_left_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = SlowSandbox()
    monkeypatch.setattr(in_tree.time, "monotonic", lambda: sandbox.now)
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
