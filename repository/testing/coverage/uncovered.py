"""Find what a change changes and no test covers, by one more run of the tests."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from repository.files import Kind, belongs_to_tests, kind_of, name_of
from repository.git import Mirror
from repository.runners import NODE_RUNNERS, PYTHON_RUNNERS, Runner
from repository.testing.compiled_sources import compiled_sources
from repository.testing.coverage.contract import Collector, Run, Target
from repository.testing.coverage.go_blocks import GoBlocks
from repository.testing.coverage.node_ranges import NodeRanges
from repository.testing.coverage.places import Place, changed_places
from repository.testing.coverage.python_lines import PythonLines
from repository.testing.coverage.rust_files import RustFiles
from repository.testing.folders import Changes
from repository.testing.models import TestReport, count_tests
from repository.testing.run.bed import TestBed
from repository.testing.trial import Trial

_MAX_NAMED = 3
_PROSE = re.compile(
    r"(?:^|/)(?:docs?/|news|change|history|release|readme|licen[cs]e|copying|notice|authors)", re.I
)
"""In the path of a text file that is documentation."""
_COLLECTORS: Mapping[Runner, type[Collector]] = {
    **dict.fromkeys(PYTHON_RUNNERS, PythonLines),
    **dict.fromkeys(NODE_RUNNERS, NodeRanges),
    "go": GoBlocks,
    "cargo": RustFiles,
}
"""Runner -> how to learn which code its tests run."""


@dataclass(frozen=True)
class CoverageTester:
    """Runs the tests of a test bed once more, and records whether they run what a change changes.

    It is a run of its own, since what records could disturb the tests: no result of it counts for a
    change, but a suite that passes must pass in it, too.
    """

    bed: TestBed
    mirror: Mirror

    async def describe_uncovered(
        self, files: Changes, paths: Collection[str], trial: Trial, label: str
    ) -> str:
        """Return what of a change no test covers, as the end of a sentence; empty if nothing.

        Args:
            files: the change.
            paths: those of its files that these tests have to cover.
            trial: the change's, with a suite that passes.
            label: names the logs.
        """
        sources = self._sources(files)
        if not sources:
            return "it changes only tests and documentation"
        weakened = await self._describe_weakened(files, trial, label)
        if weakened:
            return weakened
        sources = {path: content for path, content in sources.items() if path in paths}
        if not sources:
            return ""
        unknown = self._describe_unknown(sources)
        if unknown:
            return unknown
        return await self._describe_places(sources, files, trial, label)

    def _describe_unknown(self, sources: Changes) -> str:
        """Return of which changed files it can't be known whether a test covers them."""
        removed = [path for path, content in sources.items() if content is None]
        if removed:
            return f"whether a test covers the removal of {_join(removed)} is not known"
        compiled = compiled_sources(sources, self.bed.environment.recipe)
        if compiled:
            return f"whether a test runs the compiled {_join(compiled)} is not known"
        runner = self.bed.recipe.runner
        if runner not in _COLLECTORS:
            return f"which code the tests run is not known with {runner}"
        return ""

    async def _describe_places(
        self, sources: Changes, files: Changes, trial: Trial, label: str
    ) -> str:
        recipe = self.bed.recipe
        collector_type = _COLLECTORS[recipe.runner]
        targets = await asyncio.to_thread(self._targets, sources, collector_type.extensions)
        if not targets:
            return "it changes no code that can run"
        collector = collector_type(targets, recipe)
        report = await self._record(collector, files, trial.tests, label)
        failing = report.red - trial.flaky
        if failing:
            return f"{count_tests(len(failing))} failed when the suite ran again to be recorded"
        tree = self.bed.workspace / "tree"
        run = await asyncio.to_thread(collector.read, tree, self.bed.folder_inside / "tree")
        if run is None:
            return "which code the tests run could not be recorded"
        # A hostile record may have many ranges: the worker's other tasks go on meanwhile.
        uncovered = await asyncio.to_thread(_describe, targets, run)
        if uncovered and report.cut_short:
            return "time ran out before it was known which code the tests run"
        return uncovered

    async def _describe_weakened(self, files: Changes, trial: Trial, label: str) -> str:
        """Return which tests fail with the change unless it rewrites them; empty if none."""
        others: dict[str, bytes | None] = {}
        rewrites = False
        for path, content in files.items():
            if not belongs_to_tests(path, self.bed.recipe.patterns):
                others[path] = content
            elif not rewrites:
                sha = self.bed.recipe.base_sha
                existing = await asyncio.to_thread(self.mirror.read, sha, path)
                rewrites = existing is not None or name_of(path) == "conftest.py"
        if not rewrites:
            return ""
        report = await self.bed.run(others, trial.tests, label=f"tests-before-{label}")
        failing = report.red - trial.base.red
        if not report.cut_short:
            failing |= trial.base.green - report.results.keys() - trial.flaky
        if not failing:
            return ""
        return (
            f"{count_tests(len(failing))} of the base would not pass without its changes to tests"
        )

    def _sources(self, files: Changes) -> dict[str, bytes | None]:
        """Return the changed files that are not the tests' and not prose."""
        sources: dict[str, bytes | None] = {}
        for path, content in files.items():
            if belongs_to_tests(path, self.bed.recipe.patterns) or _is_prose(path):
                continue
            sources[path] = content
        return sources

    def _targets(self, sources: Changes, extensions: tuple[str, ...]) -> list[Target]:
        """Return the files with something to cover; a file with only new comments has nothing."""
        targets: list[Target] = []
        for path, content in sources.items():
            if content is None:
                continue
            if not path.endswith(extensions):
                targets.append(Target(path, content, ()))
                continue
            old = self.mirror.read(self.bed.recipe.base_sha, path)
            places = changed_places(path, old, content)
            if places:
                targets.append(Target(path, content, tuple(places)))
        return targets

    async def _record(
        self, collector: Collector, files: Changes, tests: Sequence[str], label: str
    ) -> TestReport:
        """Run the tests with what the collector needs, which leaves its record in the tree."""
        tree = self.bed.workspace / "tree"
        current = self.bed.environment.process_variables(self.bed.workspace)
        bed = self.bed.with_variables(collector.variables(tree, current))
        changes = {**files, **collector.files()}
        return await bed.run(changes, tests, label=f"tests-coverage-{label}")


def _is_prose(path: str) -> bool:
    """Whether a file is documentation; other ``.txt`` files may be requirements or data."""
    if kind_of(path) is not Kind.DOCS:
        return False
    return not path.endswith(".txt") or _PROSE.search(path) is not None


def _describe(targets: Sequence[Target], run: Run) -> str:
    places: list[Place] = []
    unread: list[str] = []
    for target in targets:
        places += [place for place in target.places if not run.covers(place)]
        if not target.places and not run.reads(target.path):
            unread.append(target.path)
    sentences: list[str] = []
    if places:
        sentences.append(f"no test runs {_join([_name(place) for place in places])}")
    if unread:
        sentences.append(f"no test reads {_join(unread)}")
    return " and ".join(sentences)


def _name(place: Place) -> str:
    return f"{place.path}:{place.line}" if place.lines else place.path


def _join(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMED
    listed = ", ".join(names[:_MAX_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed
