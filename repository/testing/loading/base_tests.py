"""Run the tests on the base commit, and again in a better environment if the results ask for it."""

from collections.abc import Callable
from dataclasses import dataclass

from repository.testing.loading.other_environments import OtherEnvironments
from repository.testing.loading.preparation import Preparation
from repository.testing.loading.red_base import makes_worse, warnings_as_errors
from repository.testing.loading.symptoms import Symptom, find_in_skips, find_symptoms
from repository.testing.models import Recipe, TestReport
from repository.testing.run.base import BaseRun, run_on_base
from repository.testing.run.bed import TestBed

#: Attempts to install what tests lack: a module that loads may reveal what else is missing.
_MAX_PASSES = 3


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
        run = await base_tests.add_all_packages(run)
        return await OtherEnvironments(preparation, tests, progress).improve(run)


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
        if makes_worse(run.report, again.report):
            return self._keep(run)
        return self._keep(again)

    async def add_all_packages(self, run: BaseRun) -> BaseRun:
        """Install what red and skipped tests lack; what is then skipped may lack something else."""
        for _ in range(_MAX_PASSES):
            better = await self._add_packages(run)
            if better is run:
                break
            run = better
        return run

    async def _add_packages(self, run: BaseRun) -> BaseRun:
        recipe = run.bed.recipe
        installer = await self.preparation.addition_installer(recipe)
        additions = await installer.install(_symptoms(run.report))
        if not additions:
            return run
        self.progress(f"installed {', '.join(line.requirement for line in additions)}")
        all_additions = (*recipe.additions, *additions)
        again = await self._run(run.bed, recipe.model_copy(update={"additions": all_additions}))
        if makes_worse(run.report, again.report):
            # Uninstalling them would not bring back the versions that they replaced.
            self._note(
                "more tests fail with it, or all take far longer: the environment is built again"
                " without it"
            )
            await self.preparation.rebuild(recipe, self.preparation.task.seconds)
            return self._keep(run)
        return self._keep(again)

    async def _run(self, bed: TestBed, recipe: Recipe) -> BaseRun:
        return await run_on_base(bed.with_recipe(recipe), self.tests, self.progress)

    def _keep(self, run: BaseRun) -> BaseRun:
        """Record a run's recipe for later runs, and return the run."""
        self.preparation.record(run.bed.recipe)
        return run

    def _note(self, text: str) -> None:
        self.preparation.task.log.note(text)
        self.progress(text)


def _symptoms(report: TestReport) -> list[Symptom]:
    output = "\n".join([*report.failures.values(), report.output])
    return [*find_symptoms(output), *find_in_skips(report.skip_reasons)]
