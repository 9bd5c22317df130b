"""Build the environment of a repository's tests and load them in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from repository.git import Mirror
from repository.runners import PYTHON_RUNNERS
from repository.testing.detect.own_modules import OwnModules
from repository.testing.environment import BuiltEnvironment
from repository.testing.install.build import build_environment
from repository.testing.install.build_task import BuildTask
from repository.testing.install.installer import UvInstaller
from repository.testing.install.interpreters import find_interpreters
from repository.testing.install.requirements import all_extras, read_metadata
from repository.testing.loading.additions import AdditionInstaller
from repository.testing.loading.findings import Findings, FindingsStore
from repository.testing.loading.loader import load_tests, open_for_loading
from repository.testing.loading.remedies import RepositoryNames
from repository.testing.models import Recipe
from repository.testing.plan import TestPlan

_SECONDS = 150.0
"""Time limit of the installations after the tests were loaded or run."""


@dataclass(frozen=True)
class Preparation:
    """The environment of a plan's tests, in one workspace."""

    task: BuildTask
    """Its recipe is the plan's."""
    mirror: Mirror
    plan: TestPlan

    async def build(self, tests: Sequence[str]) -> Recipe:
        """Build the environment, load the tests (none: all) in it and install what is missing.

        If an earlier run on this machine found out what they lack, that is installed at once.

        Returns:
            The recipe with what was added.

        Raises:
            EnvironmentFailed: no environment in which the tests can run could be built.
        """
        findings = self._usable_findings()
        if findings is not None:
            recipe = findings.apply(self.task.recipe, OwnModules.of(self.plan.sizes))
            await self.rebuild(recipe, self.task.seconds)
            self.task.log.note("the tests were loaded in an earlier run on this machine")
            return recipe
        recipe = self.task.recipe
        await self.rebuild(recipe, self.task.seconds)
        if self.can_be_extended(recipe):
            recipe = await self._load(recipe, tests)
        return recipe

    async def rebuild(self, recipe: Recipe, seconds: float) -> None:
        """Build the environment of a recipe.

        Raises:
            EnvironmentFailed: no environment in which the tests can run could be built.
        """
        task = self.task
        await build_environment(
            task.tools, self.mirror, recipe, task.workspace, task.log, seconds=seconds
        )

    def _usable_findings(self) -> Findings | None:
        """Return what an earlier run showed, unless its interpreter has left this machine."""
        findings = self.findings.read()
        if findings is None or findings.python == self.task.recipe.python:
            return findings
        minor = int(findings.python.partition(".")[2])
        return findings if minor in find_interpreters(self.task.tools.pythons) else None

    def can_be_extended(self, recipe: Recipe) -> bool:
        """Whether more packages can be installed into the recipe's environment."""
        return recipe.runner in PYTHON_RUNNERS and recipe.needs_environment

    def record(self, recipe: Recipe, *, alternatives_tried: bool = False) -> None:
        """Note the final recipe for the environment in the workspace and for later runs."""
        environment = self._environment.model_copy(update={"recipe": recipe})
        environment.write(self.task.workspace)
        self.findings.write(Findings.of(recipe, alternatives_tried=alternatives_tried))

    async def addition_installer(self, recipe: Recipe) -> AdditionInstaller:
        """Return what adds packages to the environment in the workspace, of this recipe."""
        interpreter = self._environment.interpreter
        if interpreter is None:
            raise ValueError("only Python's environments are extended")
        task = replace(self.task, recipe=recipe, seconds=_SECONDS)
        installer = UvInstaller(task, interpreter)
        extras = all_extras(await read_metadata(installer), recipe)
        return AdditionInstaller(installer, self._names(extras))

    @cached_property
    def findings(self) -> FindingsStore:
        return FindingsStore(self.task.tools.cache, self.task.recipe)

    async def _load(self, recipe: Recipe, tests: Sequence[str]) -> Recipe:
        bed = open_for_loading(self.task.tools.sandbox, self.task.workspace, recipe)
        with self.task.log.phase("load the tests"):
            installer = await self.addition_installer(recipe)
            additions = await load_tests(bed, tests, installer, self.task.log)
        recipe = recipe.model_copy(update={"additions": tuple(additions)})
        if not installer.index_is_unreachable:
            self.record(recipe)
        return recipe

    @property
    def _environment(self) -> BuiltEnvironment:
        environment = BuiltEnvironment.read(self.task.workspace)
        if environment is None:
            raise OSError(f"no test environment in {self.task.workspace}")
        return environment

    def _names(self, extras: Mapping[str, Sequence[str]]) -> RepositoryNames:
        detection = self.plan.detection
        names = RepositoryNames.of(
            self.plan.sizes,
            detection.needs,
            detection.draft.package.name,
            extras,
            self._imports,
        )
        return replace(names, others=frozenset(detection.draft.layout.packages))

    def _imports(self, module: str) -> bool:
        sha = self.task.recipe.base_sha
        statements = (f"import {module}", f"from {module}")
        return any(self.mirror.contains(sha, line, words=True) for line in statements)
