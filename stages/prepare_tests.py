"""Prepare the tests: build their environment and run them on the base commit."""

import asyncio
from collections.abc import Sequence

from pipeline.errors import Retry
from pipeline.stage import RunContext
from repository.git import Mirrors
from repository.runners import PYTHON_RUNNERS
from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.install.build import build_environment
from repository.testing.install.installer import BuildTask, build_seconds
from repository.testing.install.tools import BuildTools
from repository.testing.loading.advice import advise
from repository.testing.loading.base_tests import run_base_tests
from repository.testing.loading.preparation import Preparation
from repository.testing.models import Recipe, Suite, TestReport
from repository.testing.plan import BaseCommit, TestPlan, plan_tests
from repository.testing.run.base import BaseRun
from repository.testing.run.bed import TestBed, suite_seconds
from repository.testing.run.output import last_printed_line
from repository.testing.selection import choose_tests
from repository.testing.toolchain_errors import explain_old_tool
from sandbox import Sandbox
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue

_NOT_FETCHED = (
    "nothing is fetched for a private repository unless CODING_AGENT_FETCH_FOR_PRIVATE allows it"
)


class PrepareTests:
    """Produces the suite with its results on the base commit, or the reason why it can't be run.

    Args:
        fetch_for_private: whether packages are also fetched for private repositories, which reveals
            their names to the package index.
    """

    name = "prepare_tests"

    def __init__(
        self,
        mirrors: Mirrors,
        tools: BuildTools,
        *,
        fetch_for_private: bool = False,
    ):
        self._mirrors = mirrors
        self._tools = tools
        self._fetch_for_private = fetch_for_private

    async def run(
        self, issue: Issue, checkout: Checkout, context: Context, run: RunContext
    ) -> Suite:
        plan = await self._plan(checkout, context.ranking)
        if plan.recipe is None:
            return _not_runnable(plan.reason)
        recipe = self._restrict(plan.recipe, issue)
        tests, whole = _choose_tests(plan, context, issue)
        log = CommandLog()
        seconds = build_seconds(run.limits.max_minutes)
        preparation = Preparation(
            task=BuildTask(self._tools, run.workspace, recipe, log, seconds),
            mirror=self._mirrors.at(recipe.repository),
            plan=plan,
        )
        base_run: BaseRun | None = None
        try:
            recipe = await self._build_and_load(preparation, tests, run)
            if plan.detection.draft.has_tests:
                bed = _open_bed(self._tools.sandbox, recipe, run)
                base_run = await run_base_tests(preparation, bed, tests, run.progress)
        except EnvironmentFailed as error:
            failure = _describe(error, recipe)
            if not plan.detection.draft.has_tests:
                failure = f"{plan.reason}, but {failure}"
            log_key = await run.save("environment.log", log.text)
            return _not_runnable(failure, recipe, log_key)
        log_key = await run.save("environment.log", log.text)
        if base_run is None:
            return _without_tests(recipe, plan.reason, log_key)
        suite = make_suite(base_run, plan.reason, whole, log_key)
        suite = suite.model_copy(update={"phases": log.phases})
        suite = _name_obstacles(suite, plan.detection.draft.obstacles)
        _report_base(suite, run)
        return suite

    async def restore(self, result: Suite, run: RunContext) -> None:
        """Rebuild the environment on this machine, without running any test."""
        recipe = result.built_recipe
        if recipe is None:
            return
        environment = await asyncio.to_thread(BuiltEnvironment.read, run.workspace)
        if environment is not None and environment.serves(recipe):
            return
        try:
            await self._build(recipe, run, CommandLog())
        except EnvironmentFailed as error:
            reason = "the environment of the tests can't be built again on this machine"
            raise Retry(reason, detail=str(error)) from error

    async def _plan(self, checkout: Checkout, ranking: Sequence[str]) -> TestPlan:
        mirror = self._mirrors.at(checkout.repository)
        commit = BaseCommit(
            repository=checkout.repository,
            sha=checkout.base_sha,
            committed_at=checkout.committed_at,
            described=checkout.described,
        )
        return await asyncio.to_thread(plan_tests, mirror, commit, self._tools.pythons, ranking)

    def _restrict(self, recipe: Recipe, issue: Issue) -> Recipe:
        if issue.private and not self._fetch_for_private:
            return recipe.model_copy(update={"offline": True})
        return recipe

    async def _build_and_load(
        self, preparation: Preparation, tests: tuple[str, ...], run: RunContext
    ) -> Recipe:
        """Build the environment and load the tests; return the recipe with what they lacked."""
        recipe = preparation.task.recipe
        version = f" on Python {recipe.python}" if recipe.python else ""
        run.progress(f"building an environment: {recipe.runner}{version}")
        return await preparation.build(tests)

    async def _build(self, recipe: Recipe, run: RunContext, log: CommandLog) -> None:
        mirror = self._mirrors.at(recipe.repository)
        await build_environment(self._tools, mirror, recipe, run.workspace, log)


def _choose_tests(plan: TestPlan, context: Context, issue: Issue) -> tuple[tuple[str, ...], bool]:
    """Return the test files to run (empty: all), and whether they are the whole suite."""
    candidates = plan.detection.tests
    tests, whole = choose_tests(
        candidates.paths,
        candidates.texts,
        plan.sizes,
        ranking=context.ranking,
        issue=issue.text,
    )
    if plan.detection.draft.layout.whole:
        return tests, whole
    return tests or candidates.paths, False


def open_test_bed(sandbox: Sandbox, suite: Suite, run: RunContext) -> TestBed | None:
    """Open the environment that this stage built; return None if the tests can't be run.

    Raises:
        OSError: the environment is not on this machine; the run can be tried again.
    """
    if not suite.runnable or suite.recipe is None:
        return None
    return _open_bed(sandbox, suite.recipe, run)


def _open_bed(sandbox: Sandbox, recipe: Recipe, run: RunContext) -> TestBed:
    return TestBed.open(
        sandbox,
        run.workspace,
        recipe,
        seconds=suite_seconds(run.limits.max_minutes),
        save=run.save,
    )


def _describe(error: EnvironmentFailed, recipe: Recipe) -> str:
    return f"{error}; {_NOT_FETCHED}" if recipe.offline else str(error)


def _name_obstacles(suite: Suite, obstacles: Sequence[str]) -> Suite:
    """Return a suite in which no test ran with what its tests may lack."""
    if suite.runnable or not obstacles:
        return suite
    return suite.model_copy(update={"reason": "; ".join([suite.reason, *obstacles])})


def _report_base(suite: Suite, run: RunContext) -> None:
    if suite.base is not None:
        green = len(suite.base.green)
        red = len(suite.base.red)
        phases = ", ".join(f"{phase.name} {phase.seconds:.0f} s" for phase in suite.phases)
        run.progress(f"base: {green} tests pass, {red} fail ({phases})")


def make_suite(base_run: BaseRun, reason: str, whole: bool, log_key: str) -> Suite:
    """Return the suite that ran on the base, or why it can't be run.

    ``whole`` says whether all tests were chosen.
    """
    recipe = base_run.bed.recipe
    base = base_run.report
    old_tool = None if base.ran else explain_old_tool(base.output)
    if not base.results or old_tool:
        why = old_tool or last_printed_line(base.output) or "the runner printed nothing"
        why = f"no test of the base commit ran: {why}"
        if recipe.runner in PYTHON_RUNNERS:
            why = f"{why}; {advise(base.output)}"
        suite = _not_runnable(why, recipe, base.log_key)
        return suite.model_copy(update={"environment_built": True})
    return Suite(
        runnable=True,
        reason=reason,
        runner=recipe.runner,
        python=recipe.python,
        tests=base_run.tests,
        whole=whole and not base_run.tests,
        base=base,
        log_key=log_key,
        recipe=recipe,
    )


def _without_tests(recipe: Recipe, reason: str, log_key: str) -> Suite:
    """Return the suite of a repository without tests: only those of a change can be run."""
    nothing = TestReport(results={}, completed=True, failures={}, seconds=0.0, log_key=log_key)
    return Suite(
        runnable=True,
        reason=reason,
        runner=recipe.runner,
        python=recipe.python,
        tests=(),
        whole=False,
        base=nothing,
        log_key=log_key,
        recipe=recipe,
    )


def _not_runnable(reason: str, recipe: Recipe | None = None, log_key: str | None = None) -> Suite:
    return Suite(
        runnable=False,
        reason=f"the tests can't be run: {reason}",
        runner=recipe.runner if recipe else None,
        python=recipe.python if recipe else None,
        tests=(),
        whole=False,
        base=None,
        log_key=log_key,
        recipe=recipe,
    )
