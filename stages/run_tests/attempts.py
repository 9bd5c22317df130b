"""Test one candidate: only its tests first, then all of it; runs that decide are repeated."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.stage import RunContext
from repository.files import belongs_to_tests, is_test_file
from repository.git import Mirror
from repository.testing.covering import find_covering_tests
from repository.testing.folders import Changes
from repository.testing.models import Recipe, Suite, TestReport
from repository.testing.run.bed import TestBed
from stages.apply_patch import Candidate
from stages.propose_patch import Reproduction
from stages.run_tests import feedback
from stages.run_tests.results import Change, DidNotRun, NotReproduced, Passed, Regressed, Result
from stages.run_tests.semantic_hash import semantic_hash
from stages.run_tests.trial import Trial
from stages.run_tests.verdict import (
    add_reproduction,
    judge,
    judge_untested,
    note_failing_reproduction,
)

#: Sources of extension modules. The environment holds those compiled from the base commit.
_COMPILED_SOURCES = (
    ".pyx",
    ".pxd",
    ".pxi",
    ".c",
    ".cc",
    ".cpp",
    ".cxx",
    ".h",
    ".hpp",
    ".f",
    ".f90",
    ".pyf",
    ".rs",
)
#: A run that took longer is not repeated to detect flaky tests.
_MAX_REPEATED_SECONDS = 60.0


@dataclass(frozen=True)
class OwnTests:
    """The part of a change that belongs to tests."""

    changes: Changes
    files: list[str]
    """The test files among them, without helpers and data."""


def _own_tests(change: Change, recipe: Recipe) -> OwnTests:
    changes: dict[str, bytes | None] = {}
    files: list[str] = []
    for path, content in change.files.items():
        if not belongs_to_tests(path, recipe.patterns):
            continue
        changes[path] = content
        if content is not None and is_test_file(path, recipe.patterns):
            files.append(path)
    return OwnTests(changes, files)


async def read_change(mirror: Mirror, number: int, candidate: Candidate, run: RunContext) -> Change:
    """Read a candidate from its tree, which ``apply_patch`` has written."""
    patch = await run.load(candidate.patch_key)
    files: dict[str, bytes | None] = {}
    for path in candidate.paths:
        files[path] = await asyncio.to_thread(mirror.read, candidate.tree, path)
    return Change(number, candidate, patch, files)


def accept_untested(change: Change, suite: Suite) -> Passed:
    """Accept a candidate of a repository whose tests can't be run."""
    return Passed(
        change=change,
        verdict=judge_untested(change.number, suite),
        newly_passing=0,
        semantic_hash=semantic_hash(change.files, lambda path: belongs_to_tests(path, ())),
    )


@dataclass(frozen=True)
class CandidateTester:
    """Tests the candidates of one round in a test bed."""

    bed: TestBed
    mirror: Mirror
    suite: Suite
    base: TestReport
    reproduction: Reproduction | None
    round: int

    async def test(self, change: Change) -> Result:
        """Test a candidate; if no test regresses, also run the reproduction test on it."""
        trial = await self._try(change)
        if trial.regressions == 0 and trial.after.results:
            return await self._accept(change, trial)
        workspace = self.bed.workspace
        if not trial.after.results:
            text = feedback.describe_crash(trial, change.patch, workspace)
            if trial.regressions == 0:
                return DidNotRun(change, text)
        else:
            text = feedback.describe_regressions(trial, change.patch, workspace)
        return Regressed(change, trial.regressions, text)

    async def _accept(self, change: Change, trial: Trial) -> Passed | NotReproduced:
        patterns = self.bed.recipe.patterns
        passed = Passed(
            change=change,
            verdict=judge(change.number, trial),
            newly_passing=len(trial.newly_passing),
            semantic_hash=semantic_hash(
                change.files, lambda path: belongs_to_tests(path, patterns)
            ),
        )
        if self.reproduction is None:
            return passed
        return await self._reproduce(passed, self.reproduction)

    async def _reproduce(
        self, passed: Passed, reproduction: Reproduction
    ) -> Passed | NotReproduced:
        change = passed.change
        test_files = {path: text.encode() for path, text in reproduction.files.items()}
        report = await self.bed.run(
            {**change.files, **test_files},
            sorted(test_files),
            label=f"reproduction-{self.round}-{change.number}",
        )
        if report.green.issuperset(reproduction.tests):
            return replace(passed, verdict=add_reproduction(passed.verdict, reproduction))
        return NotReproduced(
            change=change,
            verdict=note_failing_reproduction(passed.verdict),
            newly_passing=passed.newly_passing,
            semantic_hash=passed.semantic_hash,
            feedback=feedback.describe_failing_reproduction(
                report, reproduction, change.patch, self.bed.workspace
            ),
        )

    async def _try(self, change: Change) -> Trial:
        label = f"{self.round}-{change.number}"
        own_tests = _own_tests(change, self.bed.recipe)
        own: TestReport | None = None
        if own_tests.changes:
            files = own_tests.files or self.suite.tests
            own = await self.bed.run(own_tests.changes, files, label=f"tests-own-{label}")

        base, tests = await self._select_tests(change, own_tests.files)
        after = await self.bed.run(change.files, tests, label=f"tests-{label}")
        trial = Trial(
            base=base,
            own=own,
            after=after,
            whole_suite=self.suite.whole,
            unbuilt=self._unbuilt_files(change),
        )
        if after.seconds > _MAX_REPEATED_SECONDS:
            return trial
        flaky = await self._find_flaky(change, trial, tests, own_tests)
        return replace(trial, flaky=flaky)

    def _unbuilt_files(self, change: Change) -> tuple[str, ...]:
        if not self.bed.recipe.packaged:
            return ()
        return tuple(path for path in change.files if path.endswith(_COMPILED_SOURCES))

    async def _find_flaky(
        self,
        change: Change,
        trial: Trial,
        tests: Sequence[str],
        own_tests: OwnTests,
    ) -> frozenset[str]:
        """Repeat the runs that the verdict depends on; return tests whose results differ."""
        flaky: frozenset[str] = frozenset()
        if trial.broken:
            label = f"tests-again-{self.round}-{change.number}"
            repeated = await self.bed.run(change.files, tests, label=label)
            flaky |= trial.broken & repeated.green
        if trial.fixed:
            files = own_tests.files or tests
            label = f"tests-base-again-{self.round}-{change.number}"
            repeated = await self.bed.run(own_tests.changes, files, label=label)
            flaky |= trial.fixed & repeated.green
        return flaky

    async def _select_tests(
        self, change: Change, own_tests: list[str]
    ) -> tuple[TestReport, list[str]]:
        """Return the base report and the test files to run (empty: the whole suite).

        If only a part of the suite was chosen, the test files that the patch changes are added, and
        those that cover its other changes. They are run on the base first.
        """
        if self.suite.whole:
            return self.base, []
        chosen = self.suite.tests
        more = await self._additional_tests(change, own_tests)
        if more:
            report = await self.bed.run({}, more, label=f"tests-base-more-{self.round}")
            if report.ran:
                tests = [*chosen, *more, *own_tests]
                return self.base.merge(report), list(dict.fromkeys(tests))
        return self.base, list(dict.fromkeys([*chosen, *own_tests]))

    async def _additional_tests(self, change: Change, own_tests: list[str]) -> list[str]:
        sha = self.bed.recipe.base_sha
        tests: list[str] = []
        for path in own_tests:
            if path in self.suite.tests:
                continue
            if await asyncio.to_thread(self.mirror.read, sha, path) is not None:
                tests.append(path)
        if self.base.seconds <= _MAX_REPEATED_SECONDS:
            tests += await asyncio.to_thread(
                find_covering_tests,
                self.mirror,
                sha,
                self.bed.recipe,
                list(change.files),
                [*self.suite.tests, *tests],
            )
        return tests
