"""The service's engine with some stages wrapped, for a measurement that watches its runs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cli import wiring
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.job import FIX_ISSUE
from pipeline.stage import Back, Pipeline, RunContext, Stop
from repository.testing.models import Suite
from stages.apply_patch import Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch import Proposals
from stages.run_tests import RunTests, Verdict

Wrap = Callable[[Any], Any]
"""Returns a stage that wraps another of the same name."""
Ending = Verdict | Back | Stop
"""How ``run_tests`` ends."""


def watched_engine(app: wiring.App, wrappers: Mapping[type, Wrap]) -> Engine:
    """Return an engine for jobs that fix issues, with stages of these types in their wrappers."""
    stages: list[Any] = []
    pipeline = app.pipelines[FIX_ISSUE]
    for step in pipeline.steps:
        wrap = wrappers.get(type(step.stage))
        stages.append(step.stage if wrap is None else wrap(step.stage))
    deps = EngineDeps(
        pipelines={FIX_ISSUE: Pipeline(stages, admitted_after=pipeline.admitted_after)},
        store=app.store,
        artifacts=app.artifacts,
        policy=app.policy,
        workspaces=app.settings.data_dir / "runs",
        observer=_ignore_progress,
    )
    return Engine(deps)


def _ignore_progress(_: Progress) -> None:
    """A run is reported at its end."""


class WatchedTests:
    """``run_tests``, followed by a measurement of the same candidates in the same environment."""

    name = RunTests.name

    def __init__(
        self,
        inner: RunTests,
        measure: Callable[[Ending, Suite, Candidates, RunContext], Awaitable[None]],
    ):
        self._inner = inner
        self._measure = measure

    async def run(
        self,
        issue: Issue,
        checkout: Checkout,
        suite: Suite,
        proposals: Proposals,
        candidates: Candidates,
        run: RunContext,
    ) -> Verdict | Back | Stop:
        ending = await self._inner.run(issue, checkout, suite, proposals, candidates, run)
        await self._measure(ending, suite, candidates, run)
        return ending
