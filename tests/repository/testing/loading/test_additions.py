"""What tests lack is installed into their environment."""

from pathlib import Path

from repository.testing.loading.additions import AdditionInstaller, new_packages
from repository.testing.loading.remedies import RepositoryNames
from repository.testing.loading.symptoms import Lack, Symptom
from repository.testing.models import Addition
from sandbox import SandboxCommand, SandboxResult
from tests.repository.testing.install.test_installer import ScriptedSandbox, make_installer

TABULATE = Symptom(Lack.MODULE, "tabulate", "No module named 'tabulate'")
YAML = Symptom(Lack.MODULE, "yaml", "No module named 'yaml'")


class Index(ScriptedSandbox):
    """Installs each package the first time; then it is there."""

    def __init__(self, *failures: str | None):
        super().__init__(*failures)
        self._installed: set[str] = set()

    async def run(self, command: SandboxCommand) -> SandboxResult:
        result = await super().run(command)
        package = command.argv[-1]
        if result.returncode != 0 or "install" not in command.argv or package in self._installed:
            return result
        self._installed.add(package)
        return SandboxResult(0, f" + {package}==1.0\n", False, 0.1)


class WithoutModule(Index):
    """Whatever is installed, the module is missing."""

    async def run(self, command: SandboxCommand) -> SandboxResult:
        result = await super().run(command)
        if "-c" not in command.argv:
            return result
        return SandboxResult(0, f"{command.argv[-1]}\n", False, 0.1)


def make(sandbox: ScriptedSandbox, folder: Path) -> AdditionInstaller:
    return AdditionInstaller(make_installer(sandbox, folder), RepositoryNames())


async def test_the_reason_is_recorded(tmp_path: Path) -> None:
    additions = await make(Index(), tmp_path).install([YAML])
    assert additions == [Addition(requirement="pyyaml", reason="No module named 'yaml'")]


async def test_a_guess_is_installed_as_a_wheel_before_its_dependencies(tmp_path: Path) -> None:
    sandbox = Index()
    await make(sandbox, tmp_path).install([TABULATE])
    assert "--no-deps" in sandbox.options(0)
    assert "--only-binary" in sandbox.options(0)
    assert "--no-deps" not in sandbox.options(2)
    assert "--only-binary" in sandbox.options(2), "no code of its dependencies runs, either"


async def test_a_guess_without_the_module_is_removed(tmp_path: Path) -> None:
    sandbox = WithoutModule()
    assert await make(sandbox, tmp_path).install([TABULATE]) == []
    assert sandbox.options(2)[1:3] == ("pip", "uninstall")


class Broken(Index):
    """What is installed can't be loaded, as for want of a library."""

    async def run(self, command: SandboxCommand) -> SandboxResult:
        result = await super().run(command)
        if "-c" not in command.argv:
            return result
        return SandboxResult(0, f"broken: {command.argv[-1]}\n", False, 0.1)


async def test_a_package_that_can_not_be_loaded_is_removed(tmp_path: Path) -> None:
    sandbox = Broken()
    assert await make(sandbox, tmp_path).install([YAML]) == []
    assert sandbox.options(2)[-1] == "pyyaml"
    assert sandbox.options(2)[1:3] == ("pip", "uninstall")


async def test_what_is_there_already_is_neither_added_nor_removed(tmp_path: Path) -> None:
    sandbox = WithoutModule()
    await sandbox.run(SandboxCommand(("uv", "pip", "install", "tabulate"), cwd=tmp_path))
    assert await make(sandbox, tmp_path).install([TABULATE]) == []
    assert not any("uninstall" in command.argv for command in sandbox.commands)


def test_packages_that_only_changed_their_version_are_not_new() -> None:
    output = "Installed 2 packages\n - Attrs==21.2.0\n + Attrs==22.1.0\n + Foo.Bar==1\n"
    assert new_packages(output) == ["foo-bar"]


async def test_what_could_not_be_installed_is_not_tried_again(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(*["error: no such package"] * 9)
    installer = make(sandbox, tmp_path)
    assert await installer.install([YAML]) == []
    number = len(sandbox.commands)
    assert await installer.install([YAML]) == []
    assert len(sandbox.commands) == number
