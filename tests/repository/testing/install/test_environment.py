"""Which environments are cached, and what is installed after that."""

from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.install.build_task import BUILD_SECONDS, BuildTask, build_seconds
from repository.testing.install.environment import build_python_environment
from repository.testing.install.tools import BuildTools
from repository.testing.models import Addition
from tests.repository.testing.install.test_installer import RECIPE, ScriptedSandbox

GUESS = Addition(requirement="tabulate", reason="No module named 'tabulate'", is_guess=True)


async def build(
    folder: Path, seconds: float = BUILD_SECONDS, additions: tuple[Addition, ...] = ()
) -> ScriptedSandbox:
    for name in ("bin", "env", "report", "tree", "source", "prepared"):
        (folder / name).mkdir()
    (folder / "bin/python3.9").touch()
    sandbox = ScriptedSandbox()
    tools = BuildTools(
        sandbox, pythons=(folder / "bin",), uv=Path("/usr/bin/uv"), cache=folder / "cache", index={}
    )
    recipe = RECIPE.model_copy(update={"additions": additions})
    await build_python_environment(BuildTask(tools, folder, recipe, CommandLog(), seconds))
    return sandbox


def cached(folder: Path) -> list[Path]:
    return list((folder / "cache").glob("*/environments/*/environment.json"))


async def test_an_environment_that_was_cut_short_is_not_cached(tmp_path: Path) -> None:
    """Later runs would take for installed what there was no time to install."""
    for name, seconds, number in (("whole", BUILD_SECONDS, 1), ("cut short", 0.0, 0)):
        folder = tmp_path / name
        folder.mkdir()
        await build(folder, seconds)
        assert len(cached(folder)) == number


async def test_what_tests_lacked_is_installed_after_the_environment_is_cached(
    tmp_path: Path,
) -> None:
    """Another commit may have a guessed module itself."""
    sandbox = await build(tmp_path, additions=(GUESS,))
    lines = [" ".join(command.argv) for command in sandbox.commands]
    (installed,) = [number for number, line in enumerate(lines) if "tabulate" in line]
    (copied,) = [number for number, line in enumerate(lines) if "environments" in line][:1]
    assert copied < installed
    assert "--only-binary :all: tabulate" in lines[installed]


def test_a_build_gets_a_quarter_of_a_short_run() -> None:
    assert build_seconds(60) == BUILD_SECONDS
    assert build_seconds(10) == 150.0
    assert build_seconds(1) == 60.0
