"""Prepare a repository's tests: build the environment, load the tests, run them on the base."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from repository.git import Mirror
from repository.runners import PYTHON_RUNNERS
from repository.testing.environment import BuiltEnvironment
from repository.testing.install.build import build_environment
from repository.testing.install.installer import BuildTask, UvInstaller
from repository.testing.loading.additions import AdditionInstaller
from repository.testing.loading.findings import Findings, FindingsStore
from repository.testing.loading.loader import load_tests, open_for_loading
from repository.testing.loading.remedies import RepositoryNames
from repository.testing.loading.symptoms import Symptom, find_in_skips, find_symptoms
from repository.testing.models import Addition, Recipe, TestReport
from repository.testing.plan import TestPlan
from repository.testing.run.base import BaseRun, run_on_base
from repository.testing.run.bed import TestBed

_SECONDS = 150.0
"""Time limit of the installations after the tests were loaded or run."""


@dataclass(frozen=True)
class Preparation:
    """The steps from a plan to the results on the base commit, in one workspace."""

    task: BuildTask
    """Its recipe is the plan's."""
    mirror: Mirror
    plan: TestPlan

    async def build(self, tests: Sequence[str]) -> Recipe:
        """Build the environment, load the tests (none: all) in it and install what is missing.

        Returns:
            The recipe with what was added.

        Raises:
            EnvironmentFailed: no environment in which the tests can run could be built.
        """
        findings = self._store.read()
        recipe = self.task.recipe
        if findings is not None:
            recipe = findings.apply(recipe)
        tools, workspace, log = self.task.tools, self.task.workspace, self.task.log
        await build_environment(tools, self.mirror, recipe, workspace, log)
        if findings is None and self._can_add(recipe):
            installer = self._addition_installer()
            bed = open_for_loading(tools.sandbox, workspace, recipe)
            additions = await load_tests(bed, tests, installer, log)
            recipe = self._record(recipe, additions)
        return recipe

    async def run_base(
        self,
        bed: TestBed,
        tests: tuple[str, ...],
        progress: Callable[[str], None],
    ) -> BaseRun:
        """Run tests (none: all) on the base, and again if what they lack can be installed."""
        base_run = await run_on_base(bed, tests, progress)
        recipe = bed.recipe
        if not self._can_add(recipe):
            return base_run
        installer = self._addition_installer()
        additions = await installer.install(_symptoms(base_run.report))
        if not additions:
            return base_run
        progress(f"installed {', '.join(line.requirement for line in additions)}")
        recipe = self._record(recipe, additions)
        again = await run_on_base(bed.with_recipe(recipe), tests, progress)
        if len(again.report.green) >= len(base_run.report.green):
            return again
        await installer.remove(additions)
        self._record(base_run.bed.recipe, ())
        return base_run

    def _can_add(self, recipe: Recipe) -> bool:
        return recipe.runner in PYTHON_RUNNERS and recipe.needs_environment

    def _record(self, recipe: Recipe, additions: Sequence[Addition]) -> Recipe:
        """Return the recipe with additions; note it for this environment and for later runs."""
        recipe = recipe.model_copy(update={"additions": (*recipe.additions, *additions)})
        environment = self._environment.model_copy(update={"recipe": recipe})
        environment.write(self.task.workspace)
        self._store.write(Findings.of(recipe))
        return recipe

    @cached_property
    def _store(self) -> FindingsStore:
        return FindingsStore(self.task.tools.cache, self.task.recipe)

    @property
    def _environment(self) -> BuiltEnvironment:
        environment = BuiltEnvironment.read(self.task.workspace)
        if environment is None:
            raise OSError(f"no test environment in {self.task.workspace}")
        return environment

    def _addition_installer(self) -> AdditionInstaller:
        interpreter = self._environment.interpreter
        if interpreter is None:
            raise ValueError("only Python's environments are extended")
        task = replace(self.task, seconds=_SECONDS)
        return AdditionInstaller(UvInstaller(task, interpreter), self._names)

    @property
    def _names(self) -> RepositoryNames:
        detection = self.plan.detection
        return RepositoryNames.of(
            self.plan.sizes, detection.needs, detection.draft.package.name, self._imports
        )

    def _imports(self, module: str) -> bool:
        sha = self.task.recipe.base_sha
        statements = (f"import {module}", f"from {module}")
        return any(self.mirror.contains(sha, line, words=True) for line in statements)


def _symptoms(report: TestReport) -> list[Symptom]:
    output = "\n".join([*report.failures.values(), report.output])
    return [*find_symptoms(output), *find_in_skips(report.skip_reasons)]
