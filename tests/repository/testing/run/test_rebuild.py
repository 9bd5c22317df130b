"""Compiling a change's sources before its tests run."""

from pathlib import Path

import pytest

from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.run.rebuild import names_errors_in, rebuild_extensions
from sandbox import SandboxCommand
from tests.repository.testing.install.test_installer import RECIPE, ScriptedSandbox

CHANGES = {"shop/fast.pyx": b"", "shop/cart.py": b""}


async def unbuilt_after(
    sandbox: ScriptedSandbox, changes: dict[str, bytes], *, rebuilds: bool = True
) -> tuple[str, ...]:
    workspace = Path("/w")
    environment = BuiltEnvironment(
        recipe=RECIPE,
        interpreter=Path("/usr/bin/python3"),
        install_mode="copied",
        tool_folders=(),
        readable=(),
        rebuilds=rebuilds,
    )
    command = SandboxCommand((), cwd=workspace)
    rebuild = await rebuild_extensions(
        sandbox, workspace, environment, changes, command, CommandLog()
    )
    assert rebuild.errors == ""
    return rebuild.unbuilt


async def test_changed_sources_are_compiled_before_the_tests() -> None:
    sandbox = ScriptedSandbox()
    assert await unbuilt_after(sandbox, CHANGES) == ()
    (command,) = sandbox.commands
    assert command.network == "none"
    assert command.environment["PYTHONPATH"].endswith("/w/env/build-tools")
    assert "--force" not in command.argv


async def test_a_changed_header_compiles_everything() -> None:
    sandbox = ScriptedSandbox()
    await unbuilt_after(sandbox, {"shop/fast.h": b""})
    assert "--force" in sandbox.options(0)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("shop/fast.pyx:3:8: undeclared name not builtin: x", True),
        ("build/shop/fast.c:120:5: error: unknown type", True),
        ("shop/fast.c:120:5: warning: unused", False),
        ("shop/other_fast.c:120:5: error: unknown type", False),
        ("/usr/include/Python.h:1:1: error: none", False),
    ],
)
def test_an_error_in_a_changed_source_is_the_changes(output: str, expected: bool) -> None:
    assert names_errors_in(["shop/fast.pyx"], output) is expected


async def test_sources_that_cannot_be_compiled_here_are_named() -> None:
    sandbox = ScriptedSandbox("error: command 'gcc' failed")
    assert await unbuilt_after(sandbox, CHANGES) == ("shop/fast.pyx",)


async def test_sources_of_a_package_that_was_not_built_are_named() -> None:
    sandbox = ScriptedSandbox()
    assert await unbuilt_after(sandbox, CHANGES, rebuilds=False) == ("shop/fast.pyx",)
    assert sandbox.commands == []


async def test_without_compiled_sources_nothing_is_built() -> None:
    sandbox = ScriptedSandbox()
    assert await unbuilt_after(sandbox, {"shop/cart.py": b"", "tests/data/a.c": b""}) == ()
    assert sandbox.commands == []
