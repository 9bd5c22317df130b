"""Run the tests on the base commit, and again in a better environment if the results ask for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from repository.testing.environment import EnvironmentFailed
from repository.testing.install.interpreters import find_interpreters
from repository.testing.loading.preparation import Preparation
from repository.testing.loading.red_base import (
    Alternative,
    alternatives,
    is_largely_red,
    warnings_as_errors,
)
from repository.testing.loading.symptoms import Symptom, find_in_skips, find_symptoms
from repository.testing.models import Recipe, TestReport
from repository.testing.run.base import BaseRun, run_on_base
from repository.testing.run.bed import TestBed

_ALTERNATIVES_SECONDS = 300.0
_BUILD_SECONDS = 180.0
_MAX_RUN_SECONDS = 90.0
"""Tests that take longer are not run again in other environments."""


async def run_base_tests(
    preparation: Preparation,
    bed: TestBed,
    tests: tuple[str, ...],
    progress: Callable[[str], None],
) -> BaseRun:
    """Run tests (none: all) on the base, in the best environment that can be had in the time.

    The recipe of the returned run has what differs from the plan's, with the reasons in the log.
    """
    base_tests = _BaseTests(preparation, tests, progress)
    log = preparation.task.log
    with log.phase("run the base"):
        run = await run_on_base(bed, tests, progress)
    if not preparation.can_be_extended(bed.recipe):
        return run
    with log.phase("improve the environment"):
        run = await base_tests.tolerate_warnings(run)
        run = await base_tests.add_packages(run)
        return await base_tests.try_alternatives(run)


@dataclass(frozen=True)
class _BaseTests:
    preparation: Preparation
    tests: tuple[str, ...]
    progress: Callable[[str], None]

    async def tolerate_warnings(self, run: BaseRun) -> BaseRun:
        """Show warnings of the packages that the repository's configuration turns into errors."""
        recipe = run.bed.recipe
        classes = warnings_as_errors(run.report)
        new = [name for name in classes if name not in recipe.tolerated_warnings]
        if recipe.runner != "pytest" or not new:
            return run
        self._note(f"{', '.join(new)} made tests fail on the base: shown instead of raised")
        tolerated = (*recipe.tolerated_warnings, *new)
        again = await self._run(
            run.bed, recipe.model_copy(update={"tolerated_warnings": tolerated})
        )
        return self._better(run, again)

    async def add_packages(self, run: BaseRun) -> BaseRun:
        """Install what red and skipped tests lack."""
        recipe = run.bed.recipe
        installer = await self.preparation.addition_installer()
        additions = await installer.install(_symptoms(run.report))
        if not additions:
            return run
        self.progress(f"installed {', '.join(line.requirement for line in additions)}")
        all_additions = (*recipe.additions, *additions)
        again = await self._run(run.bed, recipe.model_copy(update={"additions": all_additions}))
        if len(again.report.green) < len(run.report.green):
            await installer.remove_last()
        return self._better(run, again)

    async def try_alternatives(self, run: BaseRun) -> BaseRun:
        """Build other environments if the base is largely red, and keep the best."""
        if not is_largely_red(run.report) or run.report.seconds > _MAX_RUN_SECONDS:
            return run
        if run.bed.recipe.offline or self._alternatives_tried:
            return run
        end = time.monotonic() + _ALTERNATIVES_SECONDS
        best = run
        built = run.bed.recipe
        for alternative in self._alternatives(run):
            if time.monotonic() > end:
                break
            built = alternative.recipe
            other = await self._try(alternative, run.bed, end - time.monotonic())
            if other is not None and len(other.report.green) > len(best.report.green):
                best = other
            if best is other and not is_largely_red(best.report):
                break
        if built != best.bed.recipe:
            await self.preparation.rebuild(best.bed.recipe, _BUILD_SECONDS)
        self.preparation.record(best.bed.recipe, alternatives_tried=True)
        return BaseRun(_reopen(run.bed, best.bed.recipe), best.tests, best.report)

    async def _try(self, alternative: Alternative, bed: TestBed, seconds: float) -> BaseRun | None:
        self._note(f"the base is largely red; trying {alternative.reason}")
        try:
            await self.preparation.rebuild(alternative.recipe, min(seconds, _BUILD_SECONDS))
        except EnvironmentFailed as error:
            self._note(f"no environment: {error}")
            return None
        bed = _reopen(bed, alternative.recipe)
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

    @property
    def _alternatives_tried(self) -> bool:
        """Whether an earlier run on this machine has tried the alternatives."""
        findings = self.preparation.findings.read()
        return findings is not None and findings.alternatives_tried

    async def _run(self, bed: TestBed, recipe: Recipe) -> BaseRun:
        return await run_on_base(bed.with_recipe(recipe), self.tests, self.progress)

    def _better(self, run: BaseRun, again: BaseRun) -> BaseRun:
        if len(again.report.green) < len(run.report.green):
            again = run
        self.preparation.record(again.bed.recipe)
        return again

    def _note(self, text: str) -> None:
        self.preparation.task.log.note(text)
        self.progress(text)


def _reopen(bed: TestBed, recipe: Recipe) -> TestBed:
    """Open the environment that was built anew in the bed's workspace."""
    return TestBed.open(bed.sandbox, bed.workspace, recipe, seconds=bed.seconds, save=bed.save)


def _symptoms(report: TestReport) -> list[Symptom]:
    output = "\n".join([*report.failures.values(), report.output])
    return [*find_symptoms(output), *find_in_skips(report.skip_reasons)]
