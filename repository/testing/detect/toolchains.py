"""Detect a language other than Python in which a repository is tested, and its runner."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repository.counts import count
from repository.files import VENDORED_FOLDERS, matches
from repository.runners import Runner
from repository.testing.detect.modules import ROOT, find_module_folders
from repository.testing.detect.parsing import table
from repository.testing.detect.tree import Tree
from repository.testing.ecosystems import ECOSYSTEMS, NODE_FETCHES, Ecosystem
from repository.testing.models import BuildStep
from repository.testing.run.project_folders import deepest_folder, group_by_folder

_MAX_READ = 400
_MAX_FOLDERS = 12
"""More projects would take longer than a run may."""
_NODE_RUNNERS: tuple[tuple[Runner, str], ...] = (
    ("vitest", r"\bvitest\b"),
    ("jest", r"\bjest\b|react-scripts test"),
    ("mocha", r"\bmocha\b"),
    ("node:test", r"\bnode\b.*--test\b"),
)
"""(runner, pattern of its call in a script)"""
_NODE_TEST_IMPORT = re.compile(r"['\"]node:test['\"]")


@dataclass(frozen=True)
class DetectedToolchain:
    """An ecosystem as found in the repository's files."""

    ecosystem: Ecosystem
    test_texts: Mapping[str, str]
    """Test file -> text."""
    runner: Runner | None
    """None if the repository uses no known runner."""
    reason: str
    """Why this runner was chosen, or why there is none."""
    tools: tuple[str, ...]
    """Programs that must be installed on the machine."""
    steps: tuple[BuildStep, ...]
    """Steps to take before the tests can run."""
    folders: tuple[str, ...] = (ROOT,)
    """Folders of the projects whose tests can be run; the root is ``""``."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns of files with only tests; if there are none, of files that may contain tests."""
        return self.ecosystem.test_only_patterns or self.ecosystem.patterns


def detect_toolchain(tree: Tree) -> DetectedToolchain | None:
    """Return the ecosystem with the most test files; None if no file reveals one."""
    found: list[_FoundTests] = []
    for ecosystem in ECOSYSTEMS:
        folders = find_module_folders(tree, ecosystem.runner, ecosystem.revealed_by)
        if folders:
            found.append(_read_tests(ecosystem, folders, tree))
    if not found:
        return None
    best = max(found, key=lambda tests: len(tests.texts))  # the first one wins a tie
    ecosystem = best.ecosystem
    if ecosystem.runner is None:
        return _detect_node(ecosystem, best.texts, tree)
    project_folders = best.folders_with_tests()
    return DetectedToolchain(
        ecosystem=ecosystem,
        test_texts=best.texts,
        runner=ecosystem.runner,
        reason=_describe_place(ecosystem, project_folders, tree),
        tools=ecosystem.tools,
        steps=_steps_in_folders(ecosystem.steps, project_folders),
        folders=project_folders,
    )


@dataclass(frozen=True)
class _FoundTests:
    """The test files of an ecosystem that are in one of its project folders."""

    ecosystem: Ecosystem
    folders: Sequence[str]
    texts: Mapping[str, str]

    def folders_with_tests(self) -> tuple[str, ...]:
        """Return the folders with tests, as many as can be run; without tests, the first one."""
        tests = group_by_folder(self.folders, self.texts)
        if not self.texts:
            return (self.folders[0],)
        return tuple(folder for folder in self.folders if folder in tests)[:_MAX_FOLDERS]


def _read_tests(ecosystem: Ecosystem, folders: Sequence[str], tree: Tree) -> _FoundTests:
    candidates = [
        path
        for path in tree.paths
        if matches(path, ecosystem.patterns) and VENDORED_FOLDERS.isdisjoint(path.split("/"))
    ]
    mark = re.compile(ecosystem.test_mark, re.M)
    texts = {}
    for path in candidates[:_MAX_READ]:
        text = tree.text(path)
        if deepest_folder(folders, path) is not None and mark.search(text):
            texts[path] = text
    return _FoundTests(ecosystem, folders, texts)


def _describe_place(ecosystem: Ecosystem, folders: Sequence[str], tree: Tree) -> str:
    """Return which file reveals the ecosystem, and in which folders."""
    first = folders[0]
    paths = [f"{first}/{name}".removeprefix("/") for name in ecosystem.revealed_by]
    path = next(path for path in paths if path in tree.sizes)
    if len(folders) == 1:
        return f"it has {path}"
    return f"it has {path} and {count(len(folders) - 1, 'other project')} with tests"


def _steps_in_folders(steps: Sequence[BuildStep], folders: Sequence[str]) -> tuple[BuildStep, ...]:
    """Return the steps for each folder."""
    placed: list[BuildStep] = []
    for folder in folders:
        placed += [step.model_copy(update={"folder": folder}) for step in steps]
    return tuple(placed)


def _detect_node(ecosystem: Ecosystem, tests: Mapping[str, str], tree: Tree) -> DetectedToolchain:
    package = _parse_package(tree.text("package.json"))
    runner: Runner | None = None
    reason = "its package.json can't be read"
    tools = ecosystem.tools
    steps: tuple[BuildStep, ...] = ()
    if package is not None:
        packages = {*table(package, "dependencies"), *table(package, "devDependencies")}
        runner, reason = _choose_node_runner(package, packages, tests)
        if runner is not None and packages:
            fetch = next(fetch for fetch in NODE_FETCHES if fetch.lock_file in tree.sizes)
            tools = ("node", fetch.tool)
            steps = (BuildStep(command=fetch.command, network=True),)
        if runner is not None and "pretest" in table(package, "scripts"):
            steps = (*steps, BuildStep(command="npm run pretest", network=False))
    return DetectedToolchain(
        ecosystem=ecosystem,
        test_texts=tests,
        runner=runner,
        reason=reason,
        tools=tools,
        steps=steps,
    )


def _parse_package(text: str) -> dict[str, Any] | None:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return package if isinstance(package, dict) else None


def _choose_node_runner(
    package: dict[str, Any], packages: set[str], tests: Mapping[str, str]
) -> tuple[Runner | None, str]:
    """Return the runner and the reason for it.

    It is the one that the script ``test`` calls, else one among the packages, else Node's own if
    tests import it.
    """
    script = str(table(package, "scripts").get("test", ""))
    for runner, call in _NODE_RUNNERS:
        if re.search(call, script):
            return runner, f"its test script calls {runner}"
    for runner, _ in _NODE_RUNNERS:
        if runner in packages:
            return runner, f"it depends on {runner}"
    if any(_NODE_TEST_IMPORT.search(text) for text in tests.values()):
        return "node:test", "its tests import node:test"
    return None, (
        f"no known runner: its test script is {script[:100]!r}; jest, vitest, mocha and node"
        " --test are known"
    )
