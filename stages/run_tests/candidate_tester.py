"""Test one candidate: first only its tests, then all of it; decisive runs are repeated."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from pipeline.outcome import Verification
from pipeline.stage import RunContext
from repository.files import belongs_to_tests
from repository.git import Mirror
from repository.testing.change_tester import ChangeTester
from repository.testing.coverage.uncovered import CoverageTester
from repository.testing.models import Suite, TestReport
from repository.testing.trial import Trial
from stages.apply_patch import Candidate
from stages.propose_patch import Reproduction
from stages.propose_patch.semantic_hash import semantic_hash
from stages.run_tests import feedback
from stages.run_tests.reproducing import ReproductionRuns
from stages.run_tests.results import Change, DidNotRun, Passed, Regressed, Result, Unproven
from stages.run_tests.verdict import (
    Verdict,
    add_reproduction,
    judge,
    judge_untested,
    note_failing_reproduction,
    note_flaky_reproduction,
    note_unrepeated_reproduction,
)

#: Runs of the tests to find out what they cover: without the change's tests, and with all of it.
_COVERAGE_RUNS = 2


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

    tester: ChangeTester
    reproduction: Reproduction | None
    round: int
    seconds_left: Callable[[], float]
    """How long the run may still take: nothing that only adds to a proof uses it up."""

    async def test(self, change: Change, paths: Collection[str]) -> Result:
        """Test a candidate; if it breaks nothing, also run the reproduction test on it.

        ``paths`` are the changed files that these tests have to cover.
        """
        label = f"{self.round}-{change.number}"
        trial = await self.tester.try_change(change.files, label)
        trial = await self.tester.repeat(change.files, trial, label, self.seconds_left)
        workspace = self.tester.bed.folder_inside
        if trial.has_tests and not trial.after.results:
            text = feedback.describe_crash(trial, change.patch, workspace)
            if trial.regressions == 0:
                return DidNotRun(change, text, trial.after.log_key)
            return _regressed(change, trial, text)
        if trial.regressions:
            text = feedback.describe_regressions(trial, change.patch, workspace)
            return _regressed(change, trial, text)
        if trial.suite_passes:
            uncovered = await self._find_uncovered(change, paths, trial, label)
            trial = replace(trial, uncovered=uncovered)
        return await self._accept(change, trial)

    async def _find_uncovered(
        self, change: Change, paths: Collection[str], trial: Trial, label: str
    ) -> str:
        if _COVERAGE_RUNS * trial.after.seconds > self.seconds_left():
            return "no time was left to find out whether a test covers the change"
        coverage = CoverageTester(self.tester.bed, self.tester.mirror)
        return await coverage.describe_uncovered(change.files, paths, trial, label)

    async def _accept(self, change: Change, trial: Trial) -> Passed | Unproven:
        passed = self._passed(change, trial)
        if trial.failing_new:
            text = feedback.describe_failing_tests(
                trial, change.patch, self.tester.bed.folder_inside
            )
            return _unproven(passed, passed.verdict, text, trial.failing_new, trial.after)
        if self.reproduction is None:
            return passed
        return await self._reproduce(passed, trial, self.reproduction)

    def _passed(self, change: Change, trial: Trial) -> Passed:
        patterns = self.tester.bed.recipe.patterns
        return Passed(
            change=change,
            verdict=judge(change.number, trial),
            newly_passing=len(trial.newly_passing),
            semantic_hash=semantic_hash(
                change.files, lambda path: belongs_to_tests(path, patterns)
            ),
        )

    async def _reproduce(
        self, passed: Passed, trial: Trial, reproduction: Reproduction
    ) -> Passed | Unproven:
        change = passed.change
        label = f"reproduction-{self.round}-{change.number}"
        runs = ReproductionRuns(self.tester.bed, change.files, reproduction, label)
        report = await runs.run_with_change()
        if not runs.passes(report):
            text = feedback.describe_failing_reproduction(
                report, reproduction, change.patch, self.tester.bed.folder_inside
            )
            failing = set(reproduction.tests) - report.green
            verdict = note_failing_reproduction(passed.verdict)
            return _unproven(passed, verdict, text, failing, report)
        if (
            trial.newly_failing
            or trial.unbuilt
            or passed.verdict.verification is Verification.RED_TO_GREEN
        ):
            return passed
        if runs.seconds_to_repeat(report) > self.seconds_left():
            return replace(passed, verdict=note_unrepeated_reproduction(passed.verdict))
        if await runs.repeats():
            return replace(passed, verdict=add_reproduction(passed.verdict, trial, reproduction))
        return replace(passed, verdict=note_flaky_reproduction(passed.verdict))


def _regressed(change: Change, trial: Trial, text: str) -> Regressed:
    return Regressed(
        change=change,
        regressions=len(trial.accused),
        feedback=text,
        failing=tuple(sorted(trial.accused)),
        log_key=trial.after.log_key,
    )


def _unproven(
    passed: Passed, verdict: Verdict, text: str, failing: Collection[str], report: TestReport
) -> Unproven:
    return Unproven(
        change=passed.change,
        verdict=verdict,
        newly_passing=passed.newly_passing,
        semantic_hash=passed.semantic_hash,
        feedback=text,
        failing=tuple(sorted(failing)),
        log_key=report.log_key,
    )
