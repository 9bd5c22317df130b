"""How test files are passed to each runner."""

from pathlib import Path

import pytest

from repository.testing.ecosystems import SHELL_RUNNERS
from repository.testing.models import Recipe
from repository.testing.run.commands import RunnerCommands, script_selections

JEST = Recipe(
    repository="octo/a",
    base_sha="1",
    committed_at=1,
    version=None,
    runner="jest",
    python="",
    packaged=False,
    extras=(),
    requirements=(),
    source_root="",
    patterns=(),
)


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


def test_a_runner_that_knows_no_node_ids_gets_their_files(tmp_path: Path) -> None:
    tests = ["a.test.js::adds", "a.test.js::doubles"]
    commands = RunnerCommands(JEST, None, tmp_path, tests, 60.0)
    (line,) = commands.command_lines()
    assert line[-2:] == ("sh", "a.test.js")


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
        ("jest", ["a.test.js"], ["a.test.js"]),
    ],
)
def test_each_tool_gets_its_own_kind_of_selection(
    runner: str, tests: list[str], arguments: list[str]
) -> None:
    assert SHELL_RUNNERS[runner].select(tests) == arguments
