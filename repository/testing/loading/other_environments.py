"""Try other environments for a base that is largely red, and keep the best."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from repository.testing.environment import EnvironmentFailed
from repository.testing.install.interpreters import find_interpreters
from repository.testing.loading.preparation import Preparation
from repository.testing.loading.red_base import Alternative, alternatives, is_largely_red
from repository.testing.models import Recipe, TestReport
from repository.testing.run.base import BaseRun, run_on_base
from repository.testing.run.bed import TestBed

_MAX_SECONDS = 300.0
_BUILD_SECONDS = 180.0
_MIN_RUN_SECONDS = 10.0
_MAX_RUN_SECONDS = 90.0
"""Tests that take longer are not run again in other environments."""
_NOTHING_RAN = TestReport(results={}, completed=False, failures={}, seconds=0.0, log_key="")


@dataclass(frozen=True)
class OtherEnvironments:
    """The environments that may serve a repository better than the first one."""

    preparation: Preparation
    tests: tuple[str, ...]
    progress: Callable[[str], None]

    async def improve(self, first: BaseRun) -> BaseRun:
        """Return the best run: the first, or one in another environment, which is then built."""
        if not self._are_worth_trying(first):
            return first
        runs = await self._try_all(first)
        best = max(runs, key=_count_green)  # the first one wins a tie
        recipe = best.bed.recipe
        if runs[-1] is not best:
            await self.preparation.rebuild(recipe, self.preparation.task.seconds)
        self.preparation.record(recipe, alternatives_tried=True)
        bed = _open(first.bed, recipe, first.bed.seconds)
        return BaseRun(bed, best.tests, best.report)

    def _are_worth_trying(self, run: BaseRun) -> bool:
        if run.bed.recipe.offline or run.report.seconds > _MAX_RUN_SECONDS:
            return False
        findings = self.preparation.findings.read()
        if findings is not None and findings.alternatives_tried:
            return False
        return is_largely_red(run.report)

    async def _try_all(self, first: BaseRun) -> list[BaseRun]:
        """Return the runs in the order of their environments; the last one is the built one."""
        runs = [first]
        end = time.monotonic() + min(_MAX_SECONDS, first.bed.seconds)
        for alternative in self._alternatives(first):
            if time.monotonic() >= end:
                break
            run = await self._try(alternative, first, end)
            runs.append(run)
            if not is_largely_red(run.report):
                break
        return runs

    async def _try(self, alternative: Alternative, first: BaseRun, end: float) -> BaseRun:
        """Run the tests in another environment; both take until ``end`` at most."""
        self._note(f"the base is largely red; trying {alternative.reason}")
        recipe = alternative.recipe
        try:
            seconds = min(_BUILD_SECONDS, end - time.monotonic())
            await self.preparation.rebuild(recipe, seconds)
        except EnvironmentFailed as error:
            self._note(f"no environment: {error}")
            return BaseRun(first.bed, self.tests, _NOTHING_RAN)
        seconds = max(_MIN_RUN_SECONDS, min(first.bed.seconds, end - time.monotonic()))
        bed = _open(first.bed, recipe, seconds)
        run = await run_on_base(bed, self.tests, self.progress)
        green = len(run.report.green)
        self._note(f"with {alternative.reason}: {green} tests pass, {len(run.report.red)} fail")
        return run

    def _alternatives(self, run: BaseRun) -> list[Alternative]:
        return alternatives(
            run.bed.recipe,
            run.report,
            interpreters=find_interpreters(self.preparation.task.tools.pythons),
            requires_python=self.preparation.plan.detection.draft.package.requires_python,
            now=datetime.now(UTC),
        )

    def _note(self, text: str) -> None:
        self.preparation.task.log.note(text)
        self.progress(text)


def _count_green(run: BaseRun) -> int:
    return len(run.report.green)


def _open(bed: TestBed, recipe: Recipe, seconds: float) -> TestBed:
    """Open the environment that was rebuilt in the bed's workspace."""
    return TestBed.open(
        bed.sandbox,
        bed.workspace,
        recipe,
        seconds=seconds,
        save=bed.save,
        report_count=bed.report_count,
    )
