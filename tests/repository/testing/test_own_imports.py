"""Modules of a repository beside those that our programs import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository.testing.own_imports import loading_pytest, with_own_imports


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with modules of the names of Python's own."""
    for name in ("json", "typing", "tempfile"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('the repository has {name}')\n")
    (tmp_path / "shop.py").write_text("price = 3\n")
    return tmp_path


def run(program: str, tree: Path, *, on_path: bool) -> str:
    return run_with_path(program, tree, str(tree) if on_path else "")


def run_with_path(program: str, tree: Path, python_path: str) -> str:
    environment = {**os.environ, "PYTHONPATH": python_path}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or result.stderr


@pytest.mark.parametrize("on_path", [False, True])
def test_a_program_imports_pythons_own_modules(tree: Path, on_path: bool) -> None:
    program = 'import json\nfrom typing import Any\nprint(json.dumps({"a": 1}))\n'
    assert "the repository has" in run(program, tree, on_path=on_path)
    assert run(with_own_imports(program), tree, on_path=on_path) == '{"a": 1}'


@pytest.mark.parametrize("python_path", [".", "{tree}/", "lib/..", ":lib"])
def test_a_folder_of_the_path_may_be_written_in_any_way(tree: Path, python_path: str) -> None:
    (tree / "lib").mkdir()
    program = with_own_imports("import json\nprint(json.dumps(1))")
    assert run_with_path(program, tree, python_path.format(tree=tree)) == "1"


def test_afterwards_the_modules_of_the_repository_can_be_imported(tree: Path) -> None:
    program = with_own_imports("import importlib\nprint(importlib.import_module('shop').price)")
    assert run(program, tree, on_path=False) == "3"


@pytest.mark.parametrize(("is_package", "on_path"), [(True, False), (False, True)])
def test_pytest_is_loaded_with_pythons_own_modules(
    tree: Path, is_package: bool, on_path: bool
) -> None:
    program = loading_pytest(is_package=is_package) + "import shop\nprint(shop.price)"
    assert run(program, tree, on_path=on_path) == "3"
