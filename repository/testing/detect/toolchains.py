"""Detect a language other than Python in which a repository is tested, and its runner."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repository.files import matches
from repository.runners import Runner
from repository.testing.detect.parsing import table
from repository.testing.detect.tree import Tree
from repository.testing.ecosystems import ECOSYSTEMS, NODE_FETCHES, Ecosystem
from repository.testing.models import BuildStep

_MAX_READ = 400
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

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns of files with only tests; if there are none, of files that may contain tests."""
        return self.ecosystem.test_only_patterns or self.ecosystem.patterns


def detect_toolchain(tree: Tree) -> DetectedToolchain | None:
    """Return the ecosystem with the most test files; None if no file in the root reveals one."""
    paths = set(tree.paths)
    best: Ecosystem | None = None
    best_tests: dict[str, str] = {}
    for ecosystem in ECOSYSTEMS:
        if paths.isdisjoint(ecosystem.revealed_by):
            continue
        tests = _read_tests(ecosystem, tree)
        if best is None or len(tests) > len(best_tests):
            best = ecosystem
            best_tests = tests
    if best is None:
        return None
    if best.runner is None:
        return _detect_node(best, best_tests, tree)
    return DetectedToolchain(
        ecosystem=best,
        test_texts=best_tests,
        runner=best.runner,
        reason=f"it has {best.revealed_by[0]}",
        tools=best.tools,
        steps=best.steps,
    )


def _read_tests(ecosystem: Ecosystem, tree: Tree) -> dict[str, str]:
    candidates = [
        path
        for path in tree.paths
        if matches(path, ecosystem.patterns) and "node_modules/" not in path
    ]
    mark = re.compile(ecosystem.test_mark, re.M)
    tests = {}
    for path in candidates[:_MAX_READ]:
        text = tree.text(path)
        if mark.search(text):
            tests[path] = text
    return tests


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
