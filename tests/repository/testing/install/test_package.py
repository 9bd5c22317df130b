"""The ways of installing the repository's own package."""

from pathlib import Path

import pytest

from repository.testing.install.package import PackageInstaller
from sandbox import SandboxCommand, SandboxResult
from tests.repository.testing.install.test_installer import RECIPE, ScriptedSandbox, make_installer


class FailingBuilds(ScriptedSandbox):
    """A sandbox in which every build of the tree fails with one output."""

    def __init__(self, output: str):
        super().__init__()
        self._output = output
        self.builds: list[str] = []

    async def run(self, command: SandboxCommand) -> SandboxResult:
        if "install" in command.argv and command.argv[-1].endswith("/tree"):
            way = [word for word in command.argv if word in ("--editable", "--no-build-isolation")]
            self.builds.append(way[0] if way else "copy")
            return SandboxResult(1, self._output, False, 0.1)
        return await super().run(command)


@pytest.mark.parametrize(
    ("output", "builds"),
    [
        ("not possible in non-package mode", ["--editable"]),
        ("OSError: Failed to download any of the following", ["--editable"]),
        ("ImportError: No module named 'shop'", ["--editable", "--no-build-isolation"]),
        (
            "error: command 'gcc' failed with exit status 1",
            ["--editable", "--no-build-isolation", "--editable"],
        ),
        (
            "ValueError: odd",
            ["--editable", "copy", "--no-build-isolation", "--editable", "copy"],
        ),
    ],
)
async def test_a_build_that_cannot_be_cured_is_not_repeated(
    tmp_path: Path, output: str, builds: list[str]
) -> None:
    (tmp_path / "source/shop").mkdir(parents=True)
    sandbox = FailingBuilds(output)
    installer = make_installer(sandbox, tmp_path)
    installer.recipe = RECIPE.model_copy(update={"repository": "/home/me/shop"})
    package = PackageInstaller(installer)
    assert await package.install() == "path"
    assert sandbox.builds == builds
    assert output in package.failure


async def test_setuptools_for_python_3_6_makes_no_editable_installs(tmp_path: Path) -> None:
    (tmp_path / "source/shop").mkdir(parents=True)
    sandbox = FailingBuilds("ValueError: odd")
    installer = make_installer(sandbox, tmp_path)
    installer.recipe = RECIPE.model_copy(update={"python": "3.6"})
    await PackageInstaller(installer).install()
    assert set(sandbox.builds) == {"copy", "--no-build-isolation"}
