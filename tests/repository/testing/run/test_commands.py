"""How test files are passed to each runner."""

import subprocess
import sys
from pathlib import Path

import pytest

from repository.testing.ecosystems import SHELL_RUNNERS
from repository.testing.run.commands import RunnerCommands, script_selections
from repository.testing.run.reports.junit import read_junit
from tests.repository.testing.install.test_installer import RECIPE


def test_a_script_gets_modules_then_packages_then_paths() -> None:
    assert script_selections("tests/runtests.py", ["tests/auth/test_x.py"]) == [
        ("auth.test_x",),
        ("auth",),
        ("tests/auth/test_x.py",),
    ]
    assert script_selections("bin/test", ["sympy/core/tests/test_x.py"]) == [
        ("sympy/core/tests/test_x.py",)
    ]


def test_a_script_gets_classes_tests_and_labels_of_its_own_form() -> None:
    tests = ["tests/auth/test_x.py::TestX::test_y", "auth.test_z", "tests/forms"]
    assert script_selections("tests/runtests.py", tests)[0] == (
        "auth.test_x.TestX.test_y",
        "auth.test_z",
        "forms",
    )


@pytest.mark.parametrize(
    ("runner", "tests", "arguments"),
    [
        ("go", ["a/x_test.go", "a/y_test.go"], ["./a"]),
        ("go", [], ["./..."]),
        ("maven", ["t/ATest.java"], ["-Dtest=ATest"]),
        ("gradle", ["t/ATest.java"], ["--tests", "*ATest"]),
        ("cargo", ["tests/it.rs"], ["--test", "it"]),
        ("cargo", ["src/lib.rs", "tests/it.rs"], []),
        ("cargo", ["src/a/tests/b.rs"], []),
        ("cargo", ["crates/a/src/tests/b.rs", "c/tests/d.rs"], ["./crates/a", "./c"]),
        ("cargo", ["crates/a/tests/b.rs", "tests/it.rs"], []),
    ],
)
def test_each_tool_gets_its_own_kind_of_selection(
    runner: str, tests: list[str], arguments: list[str]
) -> None:
    assert SHELL_RUNNERS[runner].select(tests) == arguments


def test_pytests_cache_is_there_and_outside_of_the_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in (tree, tmp_path / "report"):
        folder.mkdir()
    (tree / "test_a.py").write_text("def test_a(request): request.config.cache.set('a', 1)\n")
    recipe = RECIPE.model_copy(update={"runner": "pytest"})
    commands = RunnerCommands(recipe, Path(sys.executable), tmp_path, ["test_a.py"], seconds=60)
    subprocess.run(commands.command_lines()[0], cwd=tree, check=True, capture_output=True)
    report = read_junit((tmp_path / "report/junit.xml").read_bytes())
    assert dict(report.statuses) == {"test_a::test_a": "passed"}
    assert not (tree / ".pytest_cache").exists()


def test_a_pytest_before_3_0_gets_no_option_that_it_lacks(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"runner": "pytest"})
    commands = RunnerCommands(recipe, Path("/python"), tmp_path, ["test_a.py"], seconds=60)
    plain = commands.command_lines()[-1]
    assert not {"-o", "--continue-on-collection-errors"} & set(plain)
