"""Prepare a suite: plan it, build its environment, and run it on the base commit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.stage import RunContext
from repository.git import Mirror
from repository.languages import Language
from repository.runners import PYTHON_RUNNERS
from repository.testing.command_log import CommandLog
from repository.testing.environment import EnvironmentFailed
from repository.testing.install.build_task import BuildTask, build_seconds
from repository.testing.install.tools import BuildTools
from repository.testing.loading.advice import advise
from repository.testing.loading.base_tests import run_base_tests
from repository.testing.loading.preparation import Preparation
from repository.testing.models import Recipe, Suite, TestReport, count_tests
from repository.testing.plan import BaseCommit, TestPlan, plan_tests
from repository.testing.run.base import BaseRun
from repository.testing.run.bed import TestBed, suite_seconds
from repository.testing.run.output import last_printed_line
from repository.testing.selection import choose_tests
from repository.testing.toolchain_errors import explain_old_tool
from sandbox import Sandbox
from stages.checkout import Checkout
from stages.fetch_issue import Issue

_NOT_FETCHED = (
    "nothing is fetched for a private repository unless CODING_AGENT_FETCH_FOR_PRIVATE allows it"
)


@dataclass(frozen=True)
class SuitePreparation:
    """Prepares a suite in one workspace of a run."""

    tools: BuildTools
    mirror: Mirror
    issue: Issue
    ranking: Sequence[str]
    """Paths of the sources that the tests are for, likeliest first."""
    run: RunContext
    workspace: Path
    fetch_for_private: bool

    async def prepare(self, plan: TestPlan) -> Suite:
        """Return a plan's suite with its results on the base, or why it can't be run."""
        if plan.recipe is None:
            return _not_runnable(plan.reason)
        recipe = self._restrict(plan.recipe)
        log = CommandLog()
        seconds = build_seconds(self.run.limits.max_minutes)
        preparation = Preparation(
            task=BuildTask(self.tools, self.workspace, recipe, log, seconds),
            mirror=self.mirror,
            plan=plan,
        )
        try:
            suite = await self._build_and_run_base(preparation)
        except EnvironmentFailed as error:
            failure = _describe(error, recipe)
            if not plan.detection.draft.has_tests:
                failure = f"{plan.reason}, but {failure}"
            suite = _not_runnable(failure, recipe)
        log_key = await self.run.save("environment.log", log.text)
        suite = suite.model_copy(update={"log_key": suite.log_key or log_key, "phases": log.phases})
        _report_base(suite, self.run)
        return suite

    async def _build_and_run_base(self, preparation: Preparation) -> Suite:
        """Return the suite with its results on the base.

        Raises:
            EnvironmentFailed: the environment can't be built.
        """
        plan = preparation.plan
        tests, whole = self._choose_tests(plan)
        recipe = await self._build_and_load(preparation, tests)
        if not plan.detection.draft.has_tests:
            return _without_tests(recipe, plan.reason)
        bed = _open_bed(self.tools.sandbox, recipe, self.run, self.workspace)
        base_run = await run_base_tests(preparation, bed, tests, self.run.progress)
        if _has_nothing_to_run(plan, base_run):
            runner = base_run.bed.recipe.runner
            reason = f"the repository has no tests; {runner} runs those of a change"
            return _without_tests(base_run.bed.recipe, reason)
        suite = make_suite(base_run, plan.reason, whole)
        return _name_obstacles(suite, plan.detection.draft.obstacles)

    def _restrict(self, recipe: Recipe) -> Recipe:
        if self.issue.private and not self.fetch_for_private:
            return recipe.model_copy(update={"offline": True})
        return recipe

    async def _build_and_load(self, preparation: Preparation, tests: tuple[str, ...]) -> Recipe:
        """Build the environment and load the tests; return the recipe with what they lacked."""
        recipe = preparation.task.recipe
        version = f" on Python {recipe.python}" if recipe.python else ""
        self.run.progress(f"building an environment: {recipe.runner}{version}")
        return await preparation.build(tests)

    def _choose_tests(self, plan: TestPlan) -> tuple[tuple[str, ...], bool]:
        """Return the test files to run (empty: all), and whether they are the whole suite."""
        candidates = plan.detection.tests
        tests, whole = choose_tests(
            candidates.paths,
            candidates.texts,
            plan.sizes,
            ranking=self.ranking,
            issue=self.issue.text,
        )
        if plan.detection.draft.layout.whole:
            return tests, whole
        return tests or candidates.paths, False


async def plan_suite(
    mirror: Mirror,
    checkout: Checkout,
    tools: BuildTools,
    ranking: Sequence[str],
    language: Language | None = None,
) -> TestPlan:
    """Plan how to run the base commit's tests for the likeliest sources.

    ``language`` is the only one whose tests are wanted; None for that of the sources.
    """
    commit = BaseCommit(
        repository=checkout.repository,
        sha=checkout.base_sha,
        committed_at=checkout.committed_at,
        described=checkout.described,
    )
    return await asyncio.to_thread(plan_tests, mirror, commit, tools.pythons, ranking, language)


def open_test_bed(sandbox: Sandbox, suite: Suite, run: RunContext) -> TestBed | None:
    """Open the environment that this stage built; return None if the tests can't be run.

    Raises:
        OSError: the environment is not on this machine; the run can be tried again.
    """
    return open_bed_in(run.workspace, sandbox, suite, run)


def open_bed_in(workspace: Path, sandbox: Sandbox, suite: Suite, run: RunContext) -> TestBed | None:
    """Open the environment of a suite that was prepared in ``workspace``; see open_test_bed."""
    if not suite.runnable or suite.recipe is None:
        return None
    return _open_bed(sandbox, suite.recipe, run, workspace)


def _open_bed(sandbox: Sandbox, recipe: Recipe, run: RunContext, workspace: Path) -> TestBed:
    return TestBed.open(
        sandbox,
        workspace,
        recipe,
        seconds=suite_seconds(run.limits.max_minutes),
        save=run.save,
        report_count=lambda number: run.status(_describe_count(number)),
    )


def _describe_count(finished: int) -> str:
    return f"{count_tests(finished)} finished" if finished else ""


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
        results = f"{green} tests pass, {red} fail" if green or red else "no test ran"
        phases = ", ".join(f"{phase.name} {phase.seconds:.0f} s" for phase in suite.phases)
        run.progress(f"base: {results} ({phases})")


def make_suite(base_run: BaseRun, reason: str, whole: bool) -> Suite:
    """Return the suite that ran on the base, or why it can't be run.

    ``whole`` says whether all tests were chosen. Only if no test ran, the suite has a log: the
    runner's.
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
        log_key=None,
        recipe=recipe,
    )


def _has_nothing_to_run(plan: TestPlan, base_run: BaseRun) -> bool:
    """Whether a repository that is not Python's proved to have no tests.

    Its runner may have found some that no file name shows, such as Rust's examples in comments, and
    if it finds none, it may end with an error.
    """
    base = base_run.report
    if base_run.bed.recipe.runner in PYTHON_RUNNERS or plan.detection.tests.paths:
        return False
    is_known_failure = bool(base.left_out or explain_old_tool(base.output))
    return not base.results and not is_known_failure


def _without_tests(recipe: Recipe, reason: str) -> Suite:
    """Return the suite of a repository without tests: only those of a change can be run."""
    nothing = TestReport(results={}, completed=True, failures={}, seconds=0.0, log_key="")
    return Suite(
        runnable=True,
        reason=reason,
        runner=recipe.runner,
        python=recipe.python,
        tests=(),
        whole=False,
        base=nothing,
        log_key=None,
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
