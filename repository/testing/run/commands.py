"""The command lines of each runner."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from repository.runners import NODE_RUNNERS
from repository.testing.ecosystems import SHELL_RUNNERS
from repository.testing.models import Recipe
from repository.testing.own_imports import loading_pytest, with_own_imports
from repository.testing.run.node.commands import test_script

#: Time limit of one test in seconds, if the runner supports one.
SECONDS_PER_TEST = 120
#: The program that runs Python's tests: the parts of its text, each before those that use it.
_PYTHON_RUNNER = (
    "time_limits.py",
    "crashes.py",
    "pytest_files.py",
    "pytest_runner.py",
    "python_runner.py",
)
_IMPORT_OF_PART = re.compile(r"^from repository\.testing\.run\.\w+ import (?:\([^)]*\)|.*)$", re.M)
#: Disable plugins that shuffle tests, and don't stop at a failure.
_PYTEST_OPTIONS = (
    "-p",
    "no:randomly",
    "-p",
    "no:random_order",
    "--maxfail=0",
)

#: https://docs.djangoproject.com/en/stable/topics/testing/overview/#running-tests
_DJANGO_SCRIPT = "manage.py"

#: Runs pytest with the arguments of the command line.
_PYTEST = "sys.exit(pytest.main(sys.argv[1:]))"

CommandLine = tuple[str, ...]


@dataclass(frozen=True)
class RunnerCommands:
    """The command lines by which a recipe's runner runs tests (none: all of them)."""

    recipe: Recipe
    python: Path | None
    workspace: Path
    tests: Sequence[str]
    """Files, folders, or node ids such as ``tests/test_cart.py::TestCart::test_total``, relative to
    the project's folder."""
    seconds: float
    """Time after which the sandbox kills the run."""
    other_projects: Sequence[str] = ()
    """Folders of projects below this one, whose tests have their own run."""
    folder: str = ""
    """The project's folder."""

    def load_line(self) -> CommandLine:
        """Return pytest's command line that loads the tests and prints what is wrong with them."""
        return (
            str(self.python),
            "-c",
            f"{self._loading_pytest}{_PYTEST}",
            "--collect-only",
            "-q",
            "-rs",
            *self._pytest_options(),
            *self.tests,
        )

    def command_lines(self) -> list[CommandLine]:
        """Return command lines to try in turn until one produces results.

        There may be several because pytest's program needs Python 3.6, and scripts accept either
        modules or paths.
        """
        runner = self.recipe.runner
        shell_runner = SHELL_RUNNERS.get(runner)
        if shell_runner is not None:
            # None of these runners can select one test by a node id.
            files = dict.fromkeys(test.partition("::")[0] for test in self.tests)
            arguments = shell_runner.select(list(files))
            return [("/bin/sh", "-c", shell_runner.command, "sh", *self.recipe.options, *arguments)]
        if runner in NODE_RUNNERS:
            files = dict.fromkeys(test.partition("::")[0] for test in self.tests)
            script = test_script(self.recipe.node_projects, self.folder, list(files))
            return [("/bin/sh", "-c", script)]
        match runner:
            case "command":
                return [self._configured_command()]
            case "unittest":
                return [self._python_runner("unittest", *self.tests)]
            case "script":
                return self._script_lines()
            case "pytest":
                return self._pytest_lines()
        raise ValueError(f"no such runner: {runner}")

    @property
    def _report(self) -> str:
        return str(self.workspace / "report/junit.xml")

    @property
    def _loading_pytest(self) -> str:
        return loading_pytest(is_package=self.recipe.packaged)

    def _python_runner(self, kind: str, *arguments: str) -> CommandLine:
        """Return a call of ``python_runner.py``, with a shorter time limit than the sandbox's."""
        loading = self._loading_pytest if kind == "pytest" else ""
        return (
            str(self.python),
            "-c",
            loading + python_runner_text(),
            kind,
            self._report,
            f"{self.seconds * 0.9:g}",
            f"{seconds_per_test(self.seconds):g}",
            *arguments,
        )

    def _configured_command(self) -> CommandLine:
        words: list[str] = []
        for word in self.recipe.options:
            if word == "{tests}":
                words.extend(self.tests)
            else:
                words.append(word.replace("{report}", self._report))
        return tuple(words)

    def _script_lines(self) -> list[CommandLine]:
        script = self.recipe.script
        selections = [()] if not self.tests else script_selections(script, self.tests)
        lines = []
        for selection in dict.fromkeys(selections):
            lines.append(
                self._python_runner("script", script, *self.recipe.options, *selection),
            )
        return lines

    def _pytest_lines(self) -> list[CommandLine]:
        options = self._pytest_options()
        # Fixtures and plugins need the cache. It must be outside of the tree, and new in each run.
        cache = ("-o", f"cache_dir={self.workspace / 'report/pytest-cache'}")
        limited = (*cache, *options, "--continue-on-collection-errors")
        return [
            self._python_runner("pytest", *limited, "--", *self.tests),
            # For a pytest before 3.0, which has neither -o nor a limit of errors.
            (
                str(self.python),
                "-m",
                "pytest",
                f"--junitxml={self._report}",
                *options,
                *self.tests,
            ),
        ]

    def _pytest_options(self) -> list[str]:
        options = list(_PYTEST_OPTIONS)
        options += [f"--ignore={folder}" for folder in self.other_projects]
        for warning in self.recipe.tolerated_warnings:
            options += ["-W", f"default::{warning}"]
        return options


@functools.cache
def python_runner_text() -> str:
    """Return the text of ``python_runner.py`` with its parts, which import nothing of ours."""
    folder = Path(__file__).parent
    texts = [folder.joinpath(name).read_text() for name in _PYTHON_RUNNER]
    return with_own_imports("\n".join(_IMPORT_OF_PART.sub("", text) for text in texts))


def script_selections(script: str, tests: Sequence[str]) -> list[CommandLine]:
    """Return tests in the forms that a script may accept.

    They are modules relative to the script's folder (or a class or test in one), top-level packages
    and paths. Django accepts modules only.
    """
    folder = PurePosixPath(script).parent
    modules: list[str] = []
    for test in tests:
        path, *inside = test.split("::")
        if _is_label(path):
            modules.append(".".join([path, *inside]))
        elif PurePosixPath(path).is_relative_to(folder):
            parts = PurePosixPath(path).relative_to(folder).with_suffix("").parts
            modules.append(".".join([*parts, *inside]))
    if PurePosixPath(script).name == _DJANGO_SCRIPT:
        return [tuple(modules)]
    by_path = tuple(tests)
    if not modules or not folder.parts:
        return [by_path]
    packages = dict.fromkeys(module.partition(".")[0] for module in modules)
    return [tuple(modules), tuple(packages), by_path]


def _is_label(test: str) -> bool:
    """Whether a test is named in a script's own form, such as ``auth.test_x``, not by a path."""
    return "/" not in test and not test.endswith(".py")


def seconds_per_test(seconds: float) -> float:
    """Return the time limit of one test in a run of ``seconds``."""
    return min(SECONDS_PER_TEST, seconds * 0.6)


def shell_limits(workspace: Path, seconds: float) -> dict[str, str]:
    """Return the variables that the shell lines of other languages' runners read."""
    return {
        "REPORT": str(workspace / "report"),
        "EACH_MS": f"{seconds_per_test(seconds) * 1000:.0f}",
        "SECONDS_LEFT": f"{seconds * 0.9:.0f}",
    }
