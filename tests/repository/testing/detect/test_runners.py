"""The detection of runners and test files."""

import pytest

from repository.testing.detect.detection import detect
from tests.repository.testing.detect.trees import CASE, tree_of


@pytest.mark.parametrize(
    ("files", "runner"),
    [
        ({"test_a.py": CASE}, "unittest"),
        ({"test_a.py": CASE, "pytest.ini": "[pytest]\n"}, "pytest"),
        (
            {"test_a.py": CASE, "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n"},
            "pytest",
        ),
        ({"test_a.py": CASE, "setup.cfg": "[tool:pytest]\naddopts = -q\n"}, "pytest"),
        ({"test_a.py": CASE, "tests/conftest.py": ""}, "pytest"),
        ({"test_a.py": "import pytest\n" + CASE}, "pytest"),
        ({"test_a.py": "def test_a(): ...\n"}, "pytest"),
        ({"test_a.py": "class TestA:\n    def test_a(self): ...\n"}, "pytest"),
        ({"test_a.py": CASE, "pytest.toml": ""}, "pytest"),
        ({"README.md": ""}, None),
        ({"tests/runtests.py": "", "tests/a/tests.py": CASE}, "script"),
        (
            {"bin/test": "#!/usr/bin/env python3\n", "a/tests/test_a.py": "def test_a(): ...\n"},
            "script",
        ),
        ({"bin/test": "#!/bin/sh\n", "a/tests/test_a.py": CASE}, "unittest"),
        ({"runtests.py": "", "test_a.py": CASE, "setup.cfg": "[tool:pytest]\n"}, "pytest"),
        (
            {"test_a.py": CASE, ".github/workflows/ci.yml": "  - run: python -m pytest -q\n"},
            "pytest",
        ),
        ({"test_a.py": CASE, "tox.ini": "[testenv]\ncommands = python -m unittest\n"}, "unittest"),
        ({"test_a.py": CASE, ".coding-agent.toml": "[tests]\nrunner = 'pytest'\n"}, "pytest"),
    ],
)
def test_runner_follows_from_the_evidence(files: dict[str, str], runner: str | None) -> None:
    runners = detect(tree_of(files)).draft.runners
    assert runners[:1] == ((runner,) if runner else ())


@pytest.mark.parametrize(
    "files", [{"test_a.py": "print(1)\n"}, {"a.py": "def test_a(): ...\n"}, {"a.py": ""}]
)
def test_without_tests_pytest_runs_those_that_a_change_brings(files: dict[str, str]) -> None:
    detection = detect(tree_of(files))
    assert detection.draft.runners == ("pytest",)
    assert not detection.draft.has_tests
    assert detection.reason.endswith("; pytest runs those of a change")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[tests]\npyhton = '3.9'\n", "pyhton"),
        ("[tests]\npython = 'three'\n", "python"),
        ("[tests", "not TOML"),
        ("[tests]\nrequirements = ['x @ https://example.org/x.whl']\n", "URL"),
    ],
)
def test_invalid_configuration_names_the_problem_and_nothing_is_run(
    text: str, problem: str
) -> None:
    detection = detect(tree_of({".coding-agent.toml": text, "test_a.py": CASE}))
    assert not detection.draft.runners
    assert problem in detection.reason
    assert ".coding-agent.toml" in detection.reason


def test_configuration_overrides_detection() -> None:
    config = """
        [tests]
        command = ["make", "check", "OUT={report}"]
        files = ["checks/*.py"]
        requirements = ["mock==1"]
        extras = ["fast"]
        python = "3.9"
        environment = { LANG = "C" }
        [edits]
        any = 1
    """
    files = {
        ".coding-agent.toml": config,
        "checks/a.py": "",
        "test_b.py": CASE,
        "requirements-test.txt": "mock==2\n",
    }
    detection = detect(tree_of(files))
    draft = detection.draft
    assert draft.runners == ("command",)
    assert draft.script.options == ("make", "check", "OUT={report}")
    assert detection.tests.paths == ("checks/a.py",)
    assert draft.patterns == ("checks/*.py",)
    assert draft.needs.requirements == ("mock==1",)
    assert draft.needs.extras == ("fast",)
    assert draft.python == "3.9"
    assert draft.environment == {"LANG": "C"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pytest.ini", "[pytest]\npython_files = check_*.py testing/*/*.py\n"),
        ("pytest.toml", "[pytest]\npython_files = ['check_*.py', 'testing/*/*.py']\n"),
        ("pyproject.toml", "[tool.pytest]\npython_files = ['check_*.py', 'testing/*/*.py']\n"),
    ],
)
def test_patterns_of_test_files_are_those_of_pytests_configuration(path: str, text: str) -> None:
    files = {
        path: text,
        "tox.ini": "[pytest]\npython_files = other_*.py\n",
        "testing/python/raises.py": "",
        "check_x.py": "",
        "test_y.py": CASE,
    }
    paths = detect(tree_of(files)).tests.paths
    assert sorted(paths) == ["check_x.py", "testing/python/raises.py"]


def test_pytests_test_paths_limit_the_suite() -> None:
    files = {
        "pytest.ini": "[pytest]\ntestpaths = ./tests libs/*/tests\n",
        "tests/a/test_a.py": CASE,
        "libs/x/tests/test_b.py": CASE,
        "benchmarks/test_c.py": CASE,
    }
    paths = detect(tree_of(files)).tests.paths
    assert paths == ("tests/a/test_a.py", "libs/x/tests/test_b.py")
    files["pytest.ini"] = "[pytest]\ntestpaths = missing\n"
    assert len(detect(tree_of(files)).tests.paths) == 3


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        ({"pytest.ini": "[pytest]\naddopts = --doctest-modules\n"}, {}),
        (
            {"Makefile": "test:\n\tpython -m doctest calc.py\n"},
            {"PYTEST_ADDOPTS": "--doctest-modules"},
        ),
        (
            {"tox.ini": "[testenv]\ncommands = pytest --doctest-modules\n"},
            {"PYTEST_ADDOPTS": "--doctest-modules"},
        ),
    ],
)
def test_examples_in_docstrings_are_the_suite_where_there_is_no_other(
    files: dict[str, str], variables: dict[str, str]
) -> None:
    source = {"calc.py": 'def add(a, b):\n    """Add.\n\n    >>> add(1, 2)\n    3\n    """\n'}
    draft = detect(tree_of({**source, **files})).draft
    assert (draft.runners, draft.has_tests) == (("pytest",), True)
    assert draft.environment == variables
    assert not detect(tree_of({"calc.py": "", **files})).draft.has_tests
