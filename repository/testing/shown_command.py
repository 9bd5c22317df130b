"""The command by which a person runs the tests that a recipe's runner ran.

It is what a developer of the repository would type, without our reports, limits and sandbox.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from repository.runners import PYTHON_RUNNERS
from repository.testing.models import Recipe, Suite
from repository.testing.places import TestPlaces, place_of
from repository.testing.run.commands import script_selections

_MAX_TESTS = 5
#: Runners of JavaScript that take the paths of files: the command before them.
_NODE_COMMANDS = {
    "jest": "npx jest",
    "vitest": "npx vitest run",
    "mocha": "npx mocha",
    "node:test": "node --test",
    "jasmine": "npx jasmine",
    "tap": "npx tap",
}
_WHOLE_SUITE = {
    "go": "go test ./...",
    "cargo": "cargo test",
    "maven": "mvn test",
    "gradle": "gradle test",
}
_IDENTIFIER = re.compile(r"\w+")


@dataclass(frozen=True)
class Selection:
    """Tests to run: those named, or all tests of the files, or (without files) all tests."""

    tests: tuple[str, ...]
    """Ids, in the form of a TestReport."""
    files: tuple[str, ...]
    """Relative to the repository's root."""


def select(tests: Iterable[str], chosen: Sequence[str], paths: Iterable[str]) -> Selection:
    """Return the selection of some tests, or of the ``chosen`` files if none are named.

    ``paths`` are the test files among which those of the tests are looked for.
    """
    named = tuple(tests)
    if not named:
        return Selection((), tuple(chosen))
    files = TestPlaces(paths).all_files_of(named)
    return Selection(named, tuple(files or ()))


def shown_commands(recipe: Recipe, selection: Selection) -> list[str]:
    """Return command lines, the one with the narrowest selection first."""
    folder = _folder_of(recipe, selection.files)
    files = [_relative(path, folder) for path in selection.files]
    lines = [*_narrow_lines(recipe, selection, files), _file_line(recipe, files)]
    change_folder = f"cd {shlex.quote(folder)} && " if folder else ""
    return [f"{change_folder}{line}" for line in lines if line]


def describe_versions(suite: Suite) -> str:
    """Return the interpreter or tools, and the runner: ``Python 3.12 and pytest``."""
    recipe = suite.recipe
    runner = suite.runner or "the runner"
    if recipe is None:
        return runner
    if recipe.runner in PYTHON_RUNNERS:
        python = suite.python or recipe.python
        name = recipe.script if recipe.runner == "script" else runner
        return f"Python {python} and {name}" if python else name
    versions = [f"{tool} {version}" for tool, version in sorted(recipe.tool_versions.items())]
    return ", ".join(versions) or runner


def _folder_of(recipe: Recipe, files: Sequence[str]) -> str:
    """Return the deepest project's folder that holds all files; empty for the root."""
    fitting = []
    for folder in recipe.folders:
        if all(PurePosixPath(path).is_relative_to(folder) for path in files):
            fitting.append(folder)
    if not files:
        return recipe.folders[0] if len(recipe.folders) == 1 else ""
    return max(fitting, key=len, default="")


def _relative(path: str, folder: str) -> str:
    return str(PurePosixPath(path).relative_to(folder)) if folder else path


def _narrow_lines(recipe: Recipe, selection: Selection, files: Sequence[str]) -> list[str]:
    """Return the command line that runs only the named tests, if the runner has one."""
    tests = selection.tests
    if not 0 < len(tests) <= _MAX_TESTS:
        return []
    match recipe.runner:
        case "pytest" if files:
            nodes = [_pytest_node(test, files) for test in tests]
            return [shlex.join(["python", "-m", "pytest", *nodes])]
        case "unittest" if files:
            return [shlex.join(["python", "-m", "unittest", *map(_dotted, tests)])]
        case "go":
            names = [test.rpartition("::")[2].partition("/")[0] for test in tests]
            if all(_IDENTIFIER.fullmatch(name) for name in names):
                pattern = "|".join(dict.fromkeys(names))
                return [f"go test -run '^({pattern})$' ./..."]
        case "maven" | "gradle":
            return _java_lines(recipe, tests)
    return []


def _pytest_node(test: str, files: Sequence[str]) -> str:
    """Return a node id, or the file if the classes in the test's id can't be told."""
    path = next(iter(TestPlaces(files).files_of(test)), files[0])
    module = ".".join(PurePosixPath(path).with_suffix("").parts)
    place = place_of(test)
    name = test.partition("::")[2]
    if place != module and not place.startswith(f"{module}."):
        return path
    classes = place.removeprefix(module).strip(".")
    return "::".join([path, *filter(None, classes.split(".")), name])


def _dotted(test: str) -> str:
    return test.replace("::", ".")


def _java_lines(recipe: Recipe, tests: Sequence[str]) -> list[str]:
    classes = list(dict.fromkeys(place_of(test) for test in tests))
    if recipe.runner == "maven":
        names = [name.rpartition(".")[2] for name in classes]
        return [f"mvn test {shlex.quote('-Dtest=' + ','.join(names))}"]
    options: list[str] = []
    for name in classes:
        options += ["--tests", name]
    return [shlex.join(["gradle", "test", *options])]


def _file_line(recipe: Recipe, files: Sequence[str]) -> str:
    """Return the command line that runs the files; none: everything. Empty if it is not known."""
    runner = recipe.runner
    if runner == "pytest":
        return shlex.join(["python", "-m", "pytest", *files])
    if runner == "unittest":
        return shlex.join(["python", "-m", "unittest", *files])
    if runner == "script":
        chosen = script_selections(recipe.script, files)[0] if files else ()
        return shlex.join(["python", recipe.script, *recipe.options, *chosen])
    if runner in _NODE_COMMANDS:
        return " ".join([_NODE_COMMANDS[runner], *map(shlex.quote, files)])
    return _WHOLE_SUITE.get(runner, "")
