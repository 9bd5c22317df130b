"""The repair of uv's failures."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from repository.testing.command_log import CommandLog
from repository.testing.install.build_task import BUILD_SECONDS, BuildTask
from repository.testing.install.installer import UvInstaller
from repository.testing.install.pip_install import install_pip
from repository.testing.install.tools import BuildTools
from repository.testing.models import Recipe
from sandbox import SandboxCommand, SandboxResult

DATE = datetime(2020, 1, 31, tzinfo=UTC)
RECIPE = Recipe(
    repository="octo/a",
    base_sha="1",
    committed_at=1_580_000_000,
    runner="pytest",
    python="3.9",
    packaged=True,
)


class ScriptedSandbox:
    """Fails with the given outputs, one a command (None: succeeds); then commands succeed."""

    name = "none"

    def __init__(self, *failures: str | None):
        self._failures = list(failures)
        self.commands: list[SandboxCommand] = []

    def path_inside(self, run_folder: Path) -> Path:
        return run_folder

    async def run(self, command: SandboxCommand) -> SandboxResult:
        self.commands.append(command)
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            return SandboxResult(1, failure, False, 0.1)
        return SandboxResult(0, "", False, 0.1)

    def options(self, number: int) -> tuple[str, ...]:
        return self.commands[number].argv


def make_installer(
    sandbox: ScriptedSandbox,
    folder: Path,
    seconds: float = BUILD_SECONDS,
    recipe: Recipe = RECIPE,
    **index: str,
) -> UvInstaller:
    tools = BuildTools(sandbox, pythons=(), uv=Path("/usr/bin/uv"), cache=folder, index=index)
    task = BuildTask(tools, folder, recipe, CommandLog(), seconds)
    return UvInstaller(task, Path("/usr/bin/python3.9"))


def filtered(package: str) -> str:
    return f"error: `{package}` was filtered by `exclude-newer`"


async def test_packages_are_chosen_as_of_the_date(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox()
    await make_installer(sandbox, tmp_path).install(DATE, "mock")
    (command,) = sandbox.commands
    assert "--exclude-newer=2020-01-31T00:00:00Z" in command.argv
    assert "--exclude-newer-package=setuptools=2022-11-01T00:00:00Z" in command.argv
    assert command.network == "install"


async def test_a_package_whose_releases_were_uploaded_again_exists_at_every_date(
    tmp_path: Path,
) -> None:
    sandbox = ScriptedSandbox()
    await make_installer(sandbox, tmp_path).install(DATE, "pytest")
    assert any("package=atomicwrites=" in option for option in sandbox.options(0))


async def test_a_package_that_was_uploaded_later_is_allowed(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(filtered("mock"))
    result = await make_installer(sandbox, tmp_path).install(DATE, "mock")
    assert result.returncode == 0
    assert not any("package=mock=" in option for option in sandbox.options(0))
    assert any("package=mock=" in option for option in sandbox.options(1))


async def test_the_oldest_build_tool_is_tried_first(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(filtered("wheel"), filtered("wheel"))
    installer = make_installer(sandbox, tmp_path)
    await installer.install(DATE, "mock", recent_build_tools=False)
    old = "--exclude-newer-package=wheel=2022-11-01T00:00:00Z"
    assert old in sandbox.options(1)
    assert old not in sandbox.options(2)


async def test_a_dependency_that_recent_build_tools_cannot_build_is_built_with_older_ones(
    tmp_path: Path,
) -> None:
    output = "error: Failed to build `markupsafe==1.0`\nImportError: cannot import name 'Feature'"
    sandbox = ScriptedSandbox(output, None, output)
    result = await make_installer(sandbox, tmp_path).install(DATE, "flask")
    assert result.returncode == 1
    older = sandbox.options(1)
    assert older[-2:] == ("--no-deps", "markupsafe==1.0")
    assert "--exclude-newer-package=setuptools=2020-01-31T00:00:00Z" in older
    assert len(sandbox.commands) == 3
    assert sandbox.options(2) == sandbox.options(0)


async def test_an_old_dependency_of_a_recent_commit_is_built_with_old_tools(
    tmp_path: Path,
) -> None:
    sandbox = ScriptedSandbox("error: Failed to build `markupsafe==1.0`")
    date = datetime(2023, 6, 30, tzinfo=UTC)
    result = await make_installer(sandbox, tmp_path).install(date, "flask==0.12")
    assert result.returncode == 0
    assert "--exclude-newer-package=setuptools=2020-01-01T00:00:00Z" in sandbox.options(1)


async def test_a_build_that_prints_many_names_does_not_hold_up_the_installation(
    tmp_path: Path,
) -> None:
    printed = "\n".join(f"Failed to build `a{number}==1`" for number in range(1000))
    sandbox = ScriptedSandbox(*[printed] * 1000)
    installer = make_installer(sandbox, tmp_path)
    await installer.install(DATE, "flask")
    assert 1 < len(sandbox.commands) < 40
    without_time = ScriptedSandbox(printed)
    late = make_installer(without_time, tmp_path, seconds=0)
    await late.install(DATE, "flask")
    assert len(without_time.commands) == 1


async def test_older_build_tools_are_used_even_if_later_ones_were_allowed_before(
    tmp_path: Path,
) -> None:
    sandbox = ScriptedSandbox(filtered("setuptools"), "error: Failed to build `markupsafe==1.0`")
    installer = make_installer(sandbox, tmp_path)
    result = await installer.install(DATE, "flask", recent_build_tools=False)
    assert result.returncode == 0
    assert "--exclude-newer-package=setuptools=2020-01-31T00:00:00Z" in sandbox.options(2)


async def test_metadata_that_uv_cannot_parse_is_supplied(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox("Metadata for `pandas` (v0.24.2) could not be parsed")
    await make_installer(sandbox, tmp_path).install(DATE, "pandas")
    config = tmp_path / "uv.toml"
    assert 'name = "pandas"' in config.read_text()
    assert sandbox.commands[1].environment["UV_CONFIG_FILE"] == str(config)
    assert config in sandbox.commands[1].readable


@pytest.mark.parametrize("output", ["no such package", filtered("mock")])
async def test_a_failure_is_not_retried_forever(tmp_path: Path, output: str) -> None:
    sandbox = ScriptedSandbox(*[output] * 20)
    result = await make_installer(sandbox, tmp_path).install(DATE, "mock")
    assert result.returncode == 1
    assert len(sandbox.commands) <= 2


async def test_a_version_is_for_the_repositorys_packages_alone(tmp_path: Path) -> None:
    update = {"name": "Octo.A", "own_packages": ("octo-b", "octo-a"), "version": "1.2"}
    sandbox = ScriptedSandbox()
    recipe = RECIPE.model_copy(update=update)
    await make_installer(sandbox, tmp_path, recipe=recipe).install(DATE, "mock")
    (command,) = sandbox.commands
    assert "SETUPTOOLS_SCM_PRETEND_VERSION" not in command.environment
    config = Path(command.environment["UV_CONFIG_FILE"])
    assert config in command.readable
    variables = tomllib.loads(config.read_text())["extra-build-variables"]
    assert variables.keys() == {"octo-a", "octo-b"}
    assert variables["octo-a"]["SETUPTOOLS_SCM_PRETEND_VERSION"] == "1.2"


async def test_without_a_known_name_the_version_is_for_whatever_is_built(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox()
    recipe = RECIPE.model_copy(update={"version": "1.2"})
    await make_installer(sandbox, tmp_path, recipe=recipe).install(DATE, "mock")
    (command,) = sandbox.commands
    assert command.environment["SETUPTOOLS_SCM_PRETEND_VERSION"] == "1.2"


async def test_an_index_that_does_not_answer_is_noted(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox("error: dns error: failed to lookup address")
    installer = make_installer(sandbox, tmp_path)
    await installer.install(DATE, "mock")
    assert installer.unreachable


async def test_without_an_index_nothing_reaches_the_network(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox()
    await make_installer(sandbox, tmp_path, UV_NO_INDEX="1").install(DATE, "mock")
    (command,) = sandbox.commands
    assert command.network == "none"
    assert "--no-index" in command.argv


async def test_pip_is_upgraded_until_it_works_with_the_interpreter(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(None, "ImportError: cannot import name 'ImpImporter'")
    installer = make_installer(sandbox, tmp_path)
    await install_pip(installer)
    assert [command.argv[-1] for command in sandbox.commands] == ["pip", "--version"] * 2
    assert "--upgrade" not in sandbox.options(0)
    assert "--upgrade" in sandbox.options(2)


async def test_an_environment_without_pip_is_noted_and_serves(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox("error: dns error: failed to lookup address")
    installer = make_installer(sandbox, tmp_path)
    await install_pip(installer)
    assert len(sandbox.commands) == 1
    assert "no pip" in installer.log.text
