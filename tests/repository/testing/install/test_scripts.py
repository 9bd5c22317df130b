"""The programs that the environment's Python runs."""

import subprocess
import venv
from pathlib import Path

import pytest

from repository.testing.install.scripts import read_script


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of a new environment."""
    venv.create(tmp_path / "env", with_pip=False)
    return tmp_path / "env/bin/python"


def site_packages(python: Path) -> Path:
    (folder,) = python.parents[1].glob("lib/python*/site-packages")
    return folder


def link_tree(python: Path, tree: Path) -> list[str]:
    """Run the program; return sys.path of the environment afterwards."""
    argv = [str(python), "-c", read_script("link_tree"), str(tree)]
    subprocess.run(argv, check=True)
    show = [str(python), "-c", "import sys; print('\\n'.join(sys.path))"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout.split("\n")


def test_the_tree_is_on_the_path_while_an_import_hook_finds_its_package(
    python: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    assert str(tree) not in link_tree(python, tree)
    hook = site_packages(python) / "__editable___shop_1_0_finder.py"
    hook.write_text("")
    assert str(tree) in link_tree(python, tree)
    hook.unlink()
    assert str(tree) not in link_tree(python, tree)
