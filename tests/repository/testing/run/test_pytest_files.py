"""Test files are divided into groups that pytest can run in one process each."""

import ast
import re
from pathlib import Path

import pytest

from repository.testing.run.commands import python_runner_text
from repository.testing.run.pytest_files import (
    ConfigFolders,
    Deferred,
    Group,
    configures_pytest,
    make_groups,
    without_inner,
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a configured package, and two test files of one name without one."""
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "a/setup.cfg": "[tool:pytest]\n",
        "a/tests/test_x.py": "",
        "b/tests/test_x.py": "",
        "c/tests/test_x.py": "",
        "d/__init__.py": "",
        "d/test_x.py": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pytest.ini", "", True),
        ("pytest.toml", "", True),
        ("pyproject.toml", "[tool.black]\n[tool.pytest.ini_options]\n", True),
        ("pyproject.toml", "[tool.pytester]\n", False),
        ("tox.ini", "[testenv]\n", False),
        ("tox.ini", "[pytest]\n", True),
        ("setup.cfg", "[pytest]\n", False),
        ("setup.cfg", "[metadata]\n\n[tool:pytest]\n", True),
    ],
)
def test_the_files_that_configure_pytest(
    tmp_path: Path, name: str, text: str, expected: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert configures_pytest(str(tmp_path)) is expected


def test_files_of_another_configuration_or_of_one_module_name_have_their_own_group(
    tree: Path,
) -> None:
    tests = ["b/tests/test_x.py", "a/tests/test_x.py", "c/tests/test_x.py", "d/test_x.py::test_y"]
    groups = make_groups(tests, ConfigFolders(str(tree)))
    assert [group.tests for group in groups] == [
        ["b/tests/test_x.py", "d/test_x.py::test_y"],
        ["a/tests/test_x.py"],
        ["c/tests/test_x.py"],
    ]


def test_what_pytest_meets_of_other_groups_is_left_to_them(tree: Path) -> None:
    deferred = Deferred(Group(str(tree)), ConfigFolders(str(tree)))
    deferred.roots = [str(tree)]
    deferred.patterns = [r"test_.*\.py"]
    met = ["a", "b/tests/test_x.py", "b/tests/helper.py", "c/tests/test_x.py", "d/test_x.py"]
    assert [path for path in met if deferred.ignores(str(tree / path))] == [
        "a",
        "c/tests/test_x.py",
    ]
    assert deferred.paths == {str(tree / "a"), str(tree / "c/tests/test_x.py")}


def test_what_pytest_meets_beside_the_requested_tests_is_left_alone(tree: Path) -> None:
    deferred = Deferred(Group(str(tree)), ConfigFolders(str(tree)))
    deferred.roots = [str(tree / "b")]
    assert deferred.ignores(str(tree / "a")) is None
    assert deferred.paths == set()


def test_a_folder_within_another_is_run_once() -> None:
    assert without_inner(["/r/b/c", "/r/b", "/r/bc", "/r/b"]) == ["/r/b", "/r/bc"]


def test_the_program_in_the_sandbox_imports_nothing_of_ours_and_suits_old_pythons() -> None:
    text = python_runner_text()
    ast.parse(text, feature_version=(3, 6))
    assert "from repository" not in text
    # Only since Python 3.8, which the parser does not notice.
    assert not re.search(r": \w+ = yield", text)
