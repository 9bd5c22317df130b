"""Find a Python repository's test files and choose their runner."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from repository.files import is_test_file, name_of
from repository.runners import Runner
from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.django import MANAGE, TEST_PATTERNS, is_django
from repository.testing.detect.doctests import has_doctests
from repository.testing.detect.parsing import words
from repository.testing.detect.project import Project
from repository.testing.detect.requirements import Confidence, Need, installable, package_name
from repository.testing.detect.tree import Tree

_DEFAULT_PATTERNS = ("test_*.py", "*_test.py", "tests.py")
_MAX_READ = 400
_MAX_SHARED = 20

_SCRIPT_PATH = re.compile(
    r"(?:(?:tests?|testing|bin|scripts|tools)/)?(?:run_?tests?(?:\.py)?)|bin/test"
)
"""A repository's own script that runs its tests, such as Django's and SymPy's."""
_PYTHON_SHEBANG = re.compile(r"#!.*python")
_SCRIPT_OPTIONS = ("--verbose", "--seed=1", "--parallel=1")
"""Passed to scripts that support them: one line per result, a fixed order, a single process."""

_IMPORTS_PYTEST = re.compile(r"^[ \t]*(?:import|from)[ \t]+_?pytest\b", re.M)
_TEST_FUNCTION = re.compile(r"^(?:async )?def test", re.M)
_TEST_CASE = re.compile(r"\bTestCase\b")
_TEST_CLASS = re.compile(r"^class \w*Test", re.M)


@dataclass(frozen=True)
class TestFiles:
    """Test files of one language."""

    __test__ = False

    paths: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    """Patterns of file names or, with a slash, of paths."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Path -> text, for the first few hundred."""


@dataclass(frozen=True)
class Script:
    """The repository's own program that runs its tests."""

    path: str = ""
    """Empty if there is none."""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunnerChoice:
    runners: tuple[Runner, ...]
    """Runners to try in order; empty if there is nothing to run."""
    reason: str
    """Why the first runner comes first, or why there is none."""
    has_tests: bool = True
    """Whether the repository has a test; without one, pytest runs those that a change brings."""


def find_test_files(project: Project) -> TestFiles:
    """Return the files in which pytest or unittest look for tests."""
    patterns = read_patterns(project)
    tests = [path for path in project.tree.paths if is_test_file(path, patterns)]
    paths = _in_test_paths(project, tests) or tests
    texts = {path: project.tree.text(path) for path in paths[:_MAX_READ]}
    return TestFiles(tuple(paths), patterns, texts)


def _in_test_paths(project: Project, tests: Sequence[str]) -> list[str]:
    """Return the tests in pytest's ``testpaths``; empty if none is."""
    test_paths = words((project.pytest_config or {}).get("testpaths"))
    patterns = [path.removeprefix("./").rstrip("/") for path in test_paths]
    return [
        test
        for test in tests
        if any(
            fnmatchcase(test, pattern) or fnmatchcase(test, f"{pattern}/*") for pattern in patterns
        )
    ]


def read_patterns(project: Project) -> tuple[str, ...]:
    """Return the patterns of test files in pytest's configuration, or the usual ones."""
    config = project.pytest_config or {}
    patterns = []
    for pattern in words(config.get("python_files")):
        bare_pattern = pattern.removesuffix(".py")
        patterns.append(f"{bare_pattern}.py")
    if not patterns and project.pytest_config is None and is_django(project.tree):
        return TEST_PATTERNS
    return tuple(patterns) or _DEFAULT_PATTERNS


def read_shared_files(tree: Tree, tests: TestFiles) -> dict[str, str]:
    """Return path -> text of files shared by tests: conftest.py and their packages' __init__.py."""
    conftests = []
    packages = []
    test_folders = {PurePosixPath(path).parent for path in tests.paths}
    for path in tree.paths:
        location = PurePosixPath(path)
        if _is_conftest(path):
            conftests.append(path)
        elif location.name == "__init__.py" and location.parent in test_folders:
            packages.append(path)
    shared = conftests[:_MAX_SHARED] + packages[:_MAX_SHARED]
    return {path: tree.text(path) for path in shared}


def find_script(tree: Tree) -> Script:
    """Return the repository's own test script, the one nearest to the root, or ``manage.py``."""
    candidates = [path for path in tree.paths if _SCRIPT_PATH.fullmatch(path)]
    for path in sorted(candidates, key=lambda path: path.count("/")):
        text = tree.text(path)
        if path.endswith(".py") or _PYTHON_SHEBANG.match(text):
            return Script(path, _known_options(text))
    return Script(MANAGE) if is_django(tree) else Script()


def _known_options(script_text: str) -> tuple[str, ...]:
    """Return the options whose names occur as literals in the script."""
    options = []
    for option in _SCRIPT_OPTIONS:
        name, _, _ = option.partition("=")
        if re.search(rf"['\"]{name}['\"]", script_text):
            options.append(option)
    return tuple(options)


def choose_runners(
    project: Project,
    tests: TestFiles,
    script: Script,
    hints: AutomationHints,
    needs: Sequence[Need],
) -> RunnerChoice:
    """Return the runners to try, the most certain one first.

    The order is: pytest, if it is configured or imported; the repository's own script; the runner
    that its automation calls or that it installs for its tests; the one that the tests look
    written for.
    """
    if script.path == MANAGE and _is_for_manage(project, tests, hints):
        reason = "manage.py runs Django's tests"
        return RunnerChoice(("script",), reason, has_tests=bool(tests.paths))
    if not tests.paths:
        return _choose_without_files(project, hints)
    reasons: dict[Runner, str] = {}
    certain = _reason_for_pytest(project, tests)
    if certain:
        reasons["pytest"] = certain
    if script.path and script.path != MANAGE:
        reasons["script"] = f"{script.path} is its own test runner"
    likely = _likely_reason_for_pytest(project, tests, script, hints, needs)
    if likely:
        reasons.setdefault("pytest", likely)
    if script.path == MANAGE:
        reasons["script"] = "manage.py runs Django's tests"
    if _any_matches(_TEST_CASE, tests):
        reasons["unittest"] = "its tests are unittest's TestCases"
    elif _any_matches(_TEST_CLASS, tests):
        reasons.setdefault("pytest", "its tests are classes that pytest would collect")
    if not reasons:
        problem = "none of the test files has a test"
        return _choose_for_new_tests(project, problem)
    runners = tuple(reasons)
    return RunnerChoice(runners, reasons[runners[0]])


def _is_for_manage(project: Project, tests: TestFiles, hints: AutomationHints) -> bool:
    """Whether ``manage.py`` is the runner: pytest is not configured, and not all looks like its."""
    if project.pytest_config is not None:
        return False
    if hints.called_runner(MANAGE) == "script":
        return True
    for_pytest = _IMPORTS_PYTEST, _TEST_FUNCTION
    return not any(_any_matches(pattern, tests) for pattern in for_pytest)


def _choose_without_files(project: Project, hints: AutomationHints) -> RunnerChoice:
    if has_doctests(project, hints):
        return RunnerChoice(("pytest",), "pytest runs the examples in docstrings")
    return _choose_for_new_tests(project, "the repository has no test files")


def _choose_for_new_tests(project: Project, problem: str) -> RunnerChoice:
    """Choose pytest for the tests that a change brings, if the repository has any Python."""
    if not any(path.endswith(".py") for path in project.tree.paths):
        return RunnerChoice((), f"{problem} that pytest or unittest would find")
    return RunnerChoice(("pytest",), f"{problem}; pytest runs those of a change", has_tests=False)


def _reason_for_pytest(project: Project, tests: TestFiles) -> str:
    if project.pytest_config is not None:
        return "pytest is configured"
    if _any_matches(_IMPORTS_PYTEST, tests):
        return "its tests import pytest"
    return ""


def _likely_reason_for_pytest(
    project: Project,
    tests: TestFiles,
    script: Script,
    hints: AutomationHints,
    needs: Sequence[Need],
) -> str:
    called = hints.called_runner(script.path)
    if called == "pytest":
        return "its automation calls pytest"
    if called is None and any(_is_for_pytest(need) for need in needs):
        return "its tests need pytest"
    has_conftest = any(map(_is_conftest, project.tree.paths))
    if has_conftest or _any_matches(_TEST_FUNCTION, tests):
        return "its tests look like pytest's"
    return ""


def _is_for_pytest(need: Need) -> bool:
    is_declared = need.confidence is Confidence.DECLARED
    return is_declared and installable([need.line]) != [] and package_name(need.line) == "pytest"


def _is_conftest(path: str) -> bool:
    return name_of(path) == "conftest.py"


def _any_matches(pattern: re.Pattern[str], tests: TestFiles) -> bool:
    return any(pattern.search(text) for text in tests.texts.values())
