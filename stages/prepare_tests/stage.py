"""Prepare the tests: build their environment and run them on the base commit."""

import asyncio

from pipeline.errors import Retry
from pipeline.stage import RunContext
from repository.git import Mirrors
from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.install.build import build_environment
from repository.testing.install.tools import BuildTools
from repository.testing.models import Suite
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests.suites import SuitePreparation, plan_suite


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
        mirror = self._mirrors.at(checkout.repository)
        plan = await plan_suite(mirror, checkout, self._tools, context.ranking)
        preparation = SuitePreparation(
            tools=self._tools,
            mirror=mirror,
            issue=issue,
            ranking=context.ranking,
            run=run,
            workspace=run.workspace,
            fetch_for_private=self._fetch_for_private,
        )
        return await preparation.prepare(plan)

    async def restore(self, result: Suite, run: RunContext) -> None:
        """Rebuild the environment on this machine, without running any test."""
        recipe = result.built_recipe
        if recipe is None:
            return
        environment = await asyncio.to_thread(BuiltEnvironment.read, run.workspace)
        if environment is not None and environment.serves(recipe):
            return
        mirror = self._mirrors.at(recipe.repository)
        log = CommandLog()
        try:
            await build_environment(self._tools, mirror, recipe, run.workspace, log)
        except EnvironmentFailed as error:
            reason = "the environment of the tests can't be built again on this machine"
            raise Retry(reason, detail=str(error)) from error
