"""Compiling a change's sources before its tests run."""

from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.run.rebuild import rebuild_extensions
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
    return await rebuild_extensions(sandbox, workspace, environment, changes, command, CommandLog())


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


async def test_sources_that_do_not_compile_are_named() -> None:
    sandbox = ScriptedSandbox("error: command 'gcc' failed")
    assert await unbuilt_after(sandbox, CHANGES) == ("shop/fast.pyx",)


async def test_sources_of_a_package_that_was_not_built_are_named() -> None:
    sandbox = ScriptedSandbox()
    assert await unbuilt_after(sandbox, CHANGES, rebuilds=False) == ("shop/fast.pyx",)
    assert sandbox.commands == []


async def test_without_compiled_sources_nothing_is_built() -> None:
    sandbox = ScriptedSandbox()
    assert await unbuilt_after(sandbox, {"shop/cart.py": b""}) == ()
    assert sandbox.commands == []
