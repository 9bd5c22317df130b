"""A build without isolation, with the tools of the commit's time."""

from pathlib import Path

import pytest

from repository.testing.install.unisolated_build import build_tools, build_without_isolation
from tests.repository.testing.install.test_installer import RECIPE, ScriptedSandbox, make_installer


async def restore_tree() -> None: ...


@pytest.mark.parametrize(
    ("stated", "installed"),
    [
        ((), ["setuptools", "wheel"]),
        (("setuptools<60", "cython"), ["setuptools<60", "cython", "wheel"]),
        (
            ("numpy==1.14.5; python_version < '3.7'", "oldest-supported-numpy"),
            ['numpy; python_version < "3.7"', "numpy", "setuptools", "wheel"],
        ),
    ],
)
def test_pins_that_are_meant_for_releases_are_dropped(
    stated: tuple[str, ...], installed: list[str]
) -> None:
    assert build_tools(stated) == installed


async def test_what_a_build_misses_is_installed_before_the_next(tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(None, "No module named 'numpy'")
    assert await build_without_isolation(make_installer(sandbox, tmp_path), restore_tree)
    assert "numpy" not in sandbox.options(0)
    assert "numpy" in sandbox.options(2)
    assert "--no-build-isolation" in sandbox.options(3)


async def test_the_repository_itself_is_never_what_a_build_misses(tmp_path: Path) -> None:
    (tmp_path / "source/shop").mkdir(parents=True)
    sandbox = ScriptedSandbox(None, "No module named 'shop'")
    assert not await build_without_isolation(make_installer(sandbox, tmp_path), restore_tree)
    assert len(sandbox.commands) == 2


async def test_siblings_are_built_with_what_requires_them(tmp_path: Path) -> None:
    """Otherwise the index is asked for them, which may have a stranger's of the same name."""
    sandbox = ScriptedSandbox()
    installer = make_installer(sandbox, tmp_path)
    installer.recipe = RECIPE.model_copy(update={"siblings": ("libs/core",)})
    assert await build_without_isolation(installer, restore_tree)
    assert sandbox.options(-1)[-2:] == ("--editable", str(tmp_path / "tree/libs/core"))
