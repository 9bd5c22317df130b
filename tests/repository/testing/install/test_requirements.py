"""Requirements that can't all be installed, and the project's own as limits of all others."""

from pathlib import Path

from packaging.metadata import RawMetadata

from repository.testing.install.own_requirements import (
    broken_requirements,
    constraints_from,
    mend_own_requirements,
)
from repository.testing.install.requirements import (
    all_extras,
    install_requirements,
    requirements_of_extras,
)
from sandbox import SandboxCommand, SandboxResult
from tests.repository.testing.install.test_installer import (
    DATE,
    RECIPE,
    ScriptedSandbox,
    make_installer,
)

CHECK = """\
Checked 40 packages in 3ms
Found 2 incompatibilities
The package `a` requires `numpy>=2`, but `1.26.4` is installed
The package `other-tool` requires `click`, but it's not installed
"""


class Without(ScriptedSandbox):
    """Installs anything but one package, and blames none."""

    def __init__(self, package: str):
        super().__init__()
        self._package = package

    async def run(self, command: SandboxCommand) -> SandboxResult:
        await super().run(command)
        fails = self._package in command.argv
        return SandboxResult(int(fails), "error: it failed" if fails else "", False, 0.1)


def test_own_requirements_limit_versions() -> None:
    requires = [
        "numpy>=1.20,<2",
        "click",
        "rich[all]>=10",
        "colorama>=0.4; sys_platform == 'win32'",
        "tomli>=1; python_version < '3.11'",
        "pytest>=6; extra == 'test'",
        "evil @ https://example.org/e.whl",
    ]
    assert constraints_from(requires, "3.10") == ["numpy<2,>=1.20", "rich>=10", "tomli>=1"]


def test_an_extra_never_brings_another_package_of_the_repository_from_the_index() -> None:
    metadata: RawMetadata = {
        "name": "shop",
        "provides_extra": ["test"],
        "requires_dist": ["shop_core>=2; extra == 'test'", "mock; extra == 'test'"],
    }
    recipe = RECIPE.model_copy(update={"own_packages": ("shop-core",)})
    assert requirements_of_extras(metadata, recipe) == ["mock"]
    assert all_extras(metadata, recipe) == {"test": ["mock"]}


async def test_all_later_installations_are_limited(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox()
    installer = make_installer(sandbox, tmp_path)
    installer.constrain(["numpy<2"])
    await installer.install(DATE, "mock")
    assert "--constraint" in sandbox.options(0)
    assert (tmp_path / "constraints.txt").read_text() == "numpy<2\n"
    installer.constrain([])
    await installer.install(DATE, "mock")
    assert "--constraint" not in sandbox.options(1)


async def test_a_requirement_that_no_longer_holds_is_restored(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(CHECK)
    recipe_name = "a"
    installer = make_installer(sandbox, tmp_path)
    installer.recipe = installer.recipe.model_copy(update={"name": recipe_name})
    await mend_own_requirements(installer)
    assert sandbox.options(1)[-1] == "numpy>=2"
    assert "other-tool requires click, but it's not installed" in installer.log.text


def test_conflicts_are_read_from_uvs_check() -> None:
    assert broken_requirements(CHECK) == [
        ("a", "numpy>=2", "`1.26.4` is installed"),
        ("other-tool", "click", "it's not installed"),
    ]


async def test_one_of_many_requirements_is_found_in_few_attempts(tmp_path: Path) -> None:
    sandbox = Without("p17")
    requirements = [f"p{number}" for number in range(32)]
    await install_requirements(make_installer(sandbox, tmp_path), requirements)
    assert len(sandbox.commands) <= 13
    installed: set[str] = set()
    for command in sandbox.commands:
        if "p17" not in command.argv:
            installed.update(command.argv)
    assert set(requirements) - installed == {"p17"}


async def test_what_fails_in_the_same_way_at_a_later_date_is_given_up(tmp_path: Path) -> None:
    sandbox = Without("mayavi")
    installer = make_installer(sandbox, tmp_path)
    assert len(installer.dates) == 3
    await install_requirements(installer, ["mayavi"])
    assert len(sandbox.commands) == 1 + 2
