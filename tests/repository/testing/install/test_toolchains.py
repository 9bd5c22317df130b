"""Steps that fetch and build what tests in other languages need."""

from pathlib import Path

import pytest

from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.install.build_task import BuildTask
from repository.testing.install.toolchains import build_with_tools
from repository.testing.install.tools import BuildTools
from repository.testing.models import BuildStep
from repository.testing.node_project import NodeCommand, NodeProject
from repository.testing.run.in_tree import TreeRunner
from sandbox import SandboxCommand
from tests.repository.testing.install.test_installer import RECIPE, ScriptedSandbox

STEPS = tuple(BuildStep(command="go mod download", network=True, folder=name) for name in "ab")
GO = RECIPE.model_copy(
    update={"runner": "go", "tools": ("sh",), "steps": STEPS, "folders": ("a", "b"), "python": ""}
)


async def build(sandbox: ScriptedSandbox, folder: Path) -> BuiltEnvironment:
    tools = BuildTools(sandbox, pythons=(), uv=Path("/usr/bin/uv"), cache=folder, index={})
    return await build_with_tools(BuildTask(tools, folder, GO, CommandLog()))


async def test_a_project_that_can_not_be_built_is_left_out_and_named(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(None, None, "go: dial tcp: no such host")
    environment = await build(sandbox, tmp_path)
    assert [command.cwd.name for command in sandbox.commands[2:4]] == ["a", "b"]
    ((folder, failure),) = environment.failed_projects.items()
    assert folder == "a"
    assert failure.startswith("fetching dependencies for go failed: go: dial tcp")

    runner = TreeRunner(sandbox, tmp_path, GO, environment, SandboxCommand((), cwd=tmp_path))
    report = await runner.run(["a/x_test.go"], CommandLog())
    assert report.left_out == {"a": failure}
    assert not report.completed


async def test_without_another_project_a_failed_step_ends_the_build(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(None, None, "go: no", "go: neither")
    with pytest.raises(EnvironmentFailed, match="failed: go: neither"):
        await build(sandbox, tmp_path)


async def test_tests_that_do_not_compile_are_left_to_their_run(tmp_path: Path) -> None:
    step = BuildStep(command="go test -exec true ./...", network=False, folder="b", required=False)
    recipe = GO.model_copy(update={"steps": (step,), "folders": ("b",)})
    sandbox = ScriptedSandbox(None, None, "undefined: x")
    tools = BuildTools(sandbox, pythons=(), uv=Path("/usr/bin/uv"), cache=tmp_path, index={})
    environment = await build_with_tools(BuildTask(tools, tmp_path, recipe, CommandLog()))
    assert environment.failed_projects == {}


async def test_packages_with_an_installation_of_their_own_do_not_need_the_roots(
    tmp_path: Path,
) -> None:
    command = NodeCommand(runner="jest", program=("jest",))
    folders = ("", "p/member", "web")
    update = {
        "runner": "jest",
        "steps": tuple(
            BuildStep(command="npm ci", network=True, folder=folder) for folder in ("", "web")
        ),
        "folders": folders,
        "node_projects": tuple(
            NodeProject(folder=folder, commands=(command,)) for folder in folders
        ),
    }
    sandbox = ScriptedSandbox(None, None, "npm error no", None, "rm: no time")
    tools = BuildTools(sandbox, pythons=(), uv=Path("/usr/bin/uv"), cache=tmp_path, index={})
    recipe = GO.model_copy(update=update)
    environment = await build_with_tools(BuildTask(tools, tmp_path, recipe, CommandLog()))
    assert environment.failed_projects.keys() == {"", "p/member"}
    assert 'rm -rf "$KEPT/npm"' in sandbox.commands[4].argv[-1]
