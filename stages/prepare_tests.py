"""The stage ``prepare_tests``."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.stage import RunContext
from repository.git import Mirrors
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.install.build import BuildTools, build_environment
from repository.testing.install.installer import index_settings
from repository.testing.models import Recipe, Suite, TestReport
from repository.testing.plan import BaseCommit, TestPlan, plan_tests
from repository.testing.run.bed import TestBed, suite_seconds
from repository.testing.selection import choose_tests
from sandbox import Sandbox
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue

#: Of those chosen, what is left when they were too slow together.
_FEWER = 2
#: A run that gave up sooner than that is tried again file by file.
_QUICK_SECONDS = 30.0
_CLOSED = (
    "nothing is fetched for a private repository, unless CODING_AGENT_FETCH_FOR_PRIVATE allows it"
)


class PrepareTests:
    """``pythons``: folders with interpreters; ``cache``: a folder for uv's caches, one a repository; ``index``: the
    package index (None: ``index_settings`` of the worker's environment); ``fetch_for_private``: for a private
    repository, too, packages are fetched, which tells the index what they are; ``clock``: seconds since the epoch.
    """

    name = "prepare_tests"

    def __init__(
        self,
        mirrors: Mirrors,
        sandbox: Sandbox,
        *,
        pythons: tuple[Path, ...],
        uv: Path,
        cache: Path,
        index: Mapping[str, str] | None = None,
        fetch_for_private: bool = False,
        clock: Callable[[], float] = time.time,
    ):
        self._fetch_for_private = fetch_for_private
        self._mirrors = mirrors
        self._tools = BuildTools(
            sandbox=sandbox,
            pythons=pythons,
            uv=uv,
            cache=cache,
            index=index_settings(os.environ) if index is None else index,
            clock=clock,
        )

    async def plan(self, checkout: Checkout) -> TestPlan:
        """Return how the commit is tested, as far as its files say; nothing of it is run."""
        commit = BaseCommit(
            repository=checkout.repository,
            sha=checkout.base_sha,
            committed_at=checkout.committed_at,
            described=checkout.described,
        )
        mirror = self._mirrors.at(checkout.repository)
        return await asyncio.to_thread(plan_tests, mirror, commit, self._tools.pythons)

    async def run(
        self, issue: Issue, checkout: Checkout, context: Context, run: RunContext
    ) -> Suite:
        plan = await self.plan(checkout)
        if (recipe := plan.recipe) is None:
            return _not_runnable(plan.reason)
        if issue.private and not self._fetch_for_private:
            recipe = recipe.model_copy(update={"offline": True})
        on = f" on Python {recipe.python}" if recipe.python else ""
        run.progress(f"making an environment: {recipe.runner}{on}")
        log: list[str] = []
        try:
            await self.build(recipe, run.workspace, log)
        except EnvironmentFailed as error:
            told = f"{error}; {_CLOSED}" if recipe.offline else str(error)
            return _not_runnable(told, recipe, await run.save("environment.log", "".join(log)))
        log_key = await run.save("environment.log", "".join(log))
        found = plan.detection
        tests, whole = choose_tests(
            found.test_files, found.texts, plan.sizes, ranking=context.ranking, issue=issue.text
        )
        recipe, base, tests = await self._base(recipe, run, tests, whole)
        if not base.results:
            return _not_runnable(
                f"no test of the base commit ran: {_last_line(base.output)}", recipe, base.log_key
            )
        run.progress(f"base: {len(base.green)} tests pass, {len(base.red)} fail")
        return Suite(
            runnable=True,
            reason=plan.reason,
            runner=recipe.runner,
            python=recipe.python,
            tests=tests,
            whole=whole and not tests,
            base=base,
            log_key=log_key,
            recipe=recipe,
        )

    async def restore(self, result: Suite, run: RunContext) -> None:
        """The same environment on this machine; no test is run."""
        if not result.runnable or result.recipe is None:
            return
        environment = await asyncio.to_thread(BuiltEnvironment.read, run.workspace)
        if environment is None or not environment.serves(result.recipe):
            try:
                await self.build(result.recipe, run.workspace, [])
            except EnvironmentFailed as error:
                raise OSError(f"the test environment can't be made again: {error}") from error

    async def build(self, recipe: Recipe, workspace: Path, log: list[str]) -> None:
        """Make the environment and the tree in ``workspace``; each try is appended to ``log``.

        Raises:
            EnvironmentFailed: The tests can't be run here.
        """
        mirror = self._mirrors.at(recipe.repository)
        await build_environment(self._tools, mirror, recipe, workspace, log)

    async def _base(
        self, recipe: Recipe, run: RunContext, tests: tuple[str, ...], whole: bool
    ) -> tuple[Recipe, TestReport, tuple[str, ...]]:
        """By the first runner with which anything passes, else by the one that runs most; with fewer tests where they
        were too slow or broken together."""
        tried: list[tuple[Recipe, TestReport, tuple[str, ...]]] = []
        bed = self._bed(recipe, run)
        for runner in recipe.runners:
            bed = bed.with_runner(runner)
            run.progress(
                f"running {'all tests' if whole else f'{len(tests)} test files'} on the base with"
                f" {runner}"
            )
            report = await _run_base(bed, tests)
            if not report.ran and len(tests) > 1 and report.seconds < _QUICK_SECONDS:
                # Some need what this machine lacks, such as a database, and the runner gives up for
                # all.
                run.progress("broken together; running each apart")
                able = tuple([test for test in tests if (await _run_base(bed, (test,))).ran])
                if able:
                    tests = able
                    report = await _run_base(bed, able)
            elif not (report.results or report.completed or len(tests) <= _FEWER):
                run.progress("too slow together; running fewer")
                report = await _run_base(bed, tests[:_FEWER])
                tests = tests[:_FEWER] if report.results else tests
            tried.append((bed.recipe, report, tests))
            if report.green:
                return tried[-1]
        best = max(
            tried, key=lambda each: len(each[1].results) if each[1].ran else 0
        )  # the first of equals
        return best

    def _bed(self, recipe: Recipe, run: RunContext) -> TestBed:
        return TestBed.open(
            self._tools.sandbox,
            run.workspace,
            recipe,
            seconds=suite_seconds(run.limits.max_minutes),
            save=run.save,
        )


async def _run_base(bed: TestBed, tests: tuple[str, ...]) -> TestReport:
    return await bed.run({}, tests, label="tests-base")


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


def _last_line(text: str) -> str:
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not line.startswith("[")
    ]
    return lines[-1][:200] if lines else "the runner said nothing"
