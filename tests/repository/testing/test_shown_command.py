"""The command that a person types to run the tests that the service ran."""

import pytest

from repository.runners import Runner
from repository.testing.models import Recipe, Suite
from repository.testing.shown_command import Selection, describe_versions, select, shown_commands

FILES = ["tests/test_cart.py", "pkg/tests/test_cart.py", "src/cart.test.js"]


def recipe(runner: Runner, **more: object) -> Recipe:
    values = {"repository": "octo/shop", "base_sha": "b" * 40, "committed_at": 1, "runner": runner}
    return Recipe.model_validate(values | more)


def narrowest(of: Recipe, *tests: str, files: tuple[str, ...] = ()) -> str:
    return shown_commands(of, Selection(tests, files))[0]


@pytest.mark.parametrize(
    ("runner", "test", "file", "expected"),
    [
        (
            "pytest",
            "tests.test_cart::test_total",
            "tests/test_cart.py",
            "python -m pytest tests/test_cart.py::test_total",
        ),
        (
            "pytest",
            "tests.test_cart.TestCart::test_total[a b]",
            "tests/test_cart.py",
            "python -m pytest 'tests/test_cart.py::TestCart::test_total[a b]'",
        ),
        (
            "pytest",
            "elsewhere::test_total",
            "tests/test_cart.py",
            "python -m pytest tests/test_cart.py",
        ),
        (
            "unittest",
            "tests.test_cart.TestCart::test_total",
            "tests/test_cart.py",
            "python -m unittest tests.test_cart.TestCart.test_total",
        ),
        ("go", "octo/shop::TestTotal/empty", "", "go test -run '^(TestTotal)$' ./..."),
        ("cargo", "shop::tests::total", "", "cargo test"),
        ("maven", "org.shop.CartTest::total", "", "mvn test -Dtest=CartTest"),
        ("gradle", "org.shop.CartTest::total", "", "gradle test --tests org.shop.CartTest"),
        ("jest", "cart::total", "src/cart.test.js", "npx jest src/cart.test.js"),
    ],
)
def test_a_test_is_run_as_its_developers_do(
    runner: Runner, test: str, file: str, expected: str
) -> None:
    files = (file,) if file else ()
    assert narrowest(recipe(runner), test, files=files) == expected


def test_a_project_below_the_root_is_entered_first() -> None:
    monorepo = recipe("pytest", folders=("", "pkg"))
    command = narrowest(monorepo, "tests.test_cart::test_total", files=("pkg/tests/test_cart.py",))
    assert command == "cd pkg && python -m pytest tests/test_cart.py::test_total"


def test_many_tests_are_run_by_their_files() -> None:
    tests = tuple(f"tests.test_cart::test_{number}" for number in range(9))
    assert narrowest(recipe("pytest"), *tests, files=("tests/test_cart.py",)) == (
        "python -m pytest tests/test_cart.py"
    )


def test_without_a_selection_the_whole_suite_is_run() -> None:
    assert shown_commands(recipe("pytest"), Selection((), ())) == ["python -m pytest"]
    script = recipe("script", script="tests/runtests.py", options=("--parallel=1",))
    assert shown_commands(script, Selection((), ())) == ["python tests/runtests.py --parallel=1"]


def test_a_configured_command_is_not_guessed() -> None:
    assert shown_commands(recipe("command", options=("make", "{tests}")), Selection((), ())) == []


def test_the_files_of_tests_are_found_by_their_ids() -> None:
    selection = select(["tests.test_cart::test_total"], ["tests/test_other.py"], FILES)
    assert selection.files == ("tests/test_cart.py",)
    assert select([], ["tests/test_other.py"], FILES).files == ("tests/test_other.py",)


@pytest.mark.parametrize(
    ("of", "python", "expected"),
    [
        (recipe("pytest", python="3.11"), "3.12", "Python 3.12 and pytest"),
        (recipe("pytest", python="3.11"), None, "Python 3.11 and pytest"),
        (recipe("script", script="runtests.py"), "3.12", "Python 3.12 and runtests.py"),
        (recipe("go", tool_versions={"go": "1.22"}), None, "go 1.22"),
        (recipe("cargo"), None, "cargo"),
    ],
)
def test_the_versions_name_interpreter_and_runner(
    of: Recipe, python: str | None, expected: str
) -> None:
    suite = Suite(
        runnable=True,
        reason="",
        runner=of.runner,
        python=python,
        tests=(),
        whole=True,
        base=None,
        log_key=None,
        recipe=of,
    )
    assert describe_versions(suite) == expected
