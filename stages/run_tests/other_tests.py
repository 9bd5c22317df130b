"""Test a change also where the prepared suite does not reach: in other languages and packages.

The prepared suite is that of the language, and the packages, that the issue seems to be about. Only
a change shows which others it needs: their environment is then built in a folder of its own, their
tests are run like those of the prepared suite, and the verdicts become one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.stage import RunContext
from repository.git import Mirror
from repository.languages import language_of_runner
from repository.testing.change_tester import ChangeTester
from repository.testing.install.tools import BuildTools
from repository.testing.models import Suite
from repository.testing.other_projects import Part, changed_languages, find_part
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests import SuitePreparation, open_bed_in, plan_suite
from stages.run_tests.candidate_tester import CandidateTester
from stages.run_tests.joined_verdicts import join, note_untested
from stages.run_tests.results import Change, Passed, Result

#: Less time is not enough to build an environment and to run tests in it.
_MIN_SECONDS = 60.0
_RUNS = 3
"""Runs without and with the change, and again: without time for them, none is begun."""
_NO_TIME = "no time was left"
_FOLDER = "other-tests"


@dataclass(frozen=True)
class OtherTests:
    """The tests that changes need in addition to those of the prepared suite."""

    tools: BuildTools
    mirror: Mirror
    issue: Issue
    checkout: Checkout
    suite: Suite
    """The prepared suite."""
    run: RunContext
    fetch_for_private: bool
    _suites: dict[str, tuple[Path, Suite]] = field(default_factory=dict)
    """Name of a part -> the folder of its environment, and its suite."""

    async def find_parts(self, change: Change) -> list[Part]:
        """Return the parts of a change to which the prepared suite does not belong."""
        parts: list[Part] = []
        for language, paths in changed_languages(change.files, self.suite).items():
            plan = await plan_suite(self.mirror, self.checkout, self.tools, paths, language)
            part = find_part(language, paths, plan, change.files, self.suite)
            if part is not None:
                parts.append(part)
        return parts

    async def add(self, change: Change, result: Result, parts: Sequence[Part]) -> Result:
        """Return the result of the prepared suite with those of the parts' own tests.

        The first result that speaks against the change counts alone.
        """
        for part in parts:
            if not isinstance(result, Passed):
                return result
            result = await self._add_part(change, result, part)
        return result

    async def _add_part(self, change: Change, passed: Passed, part: Part) -> Result:
        if part.obstacle:
            return note_untested(passed, part, part.obstacle)
        try:
            workspace, suite = await self._prepare(part)
        except TimeoutError:
            return note_untested(passed, part, _NO_TIME)
        bed = open_bed_in(workspace, self.tools.sandbox, suite, self.run)
        if bed is None or suite.base is None:
            return note_untested(passed, part, suite.reason)
        if _RUNS * suite.base.seconds > self.run.seconds_left():
            return note_untested(passed, part, _NO_TIME)
        tester = CandidateTester(
            tester=ChangeTester(bed, self.mirror, suite, suite.base),
            reproduction=None,
            round=self.run.round,
            seconds_left=self.run.seconds_left,
        )
        result = await tester.test(change, part.paths)
        if not isinstance(result, Passed):
            return result
        return join(passed, result, (self._name, part.name))

    async def _prepare(self, part: Part) -> tuple[Path, Suite]:
        """Return the folder and the suite of a part, which takes half of the time at most.

        Raises:
            TimeoutError: it would take longer, or too little time is left.
        """
        prepared = self._suites.get(part.name)
        if prepared is not None:
            return prepared
        seconds = self.run.seconds_left() / 2
        if seconds < _MIN_SECONDS:
            raise TimeoutError
        self.run.progress(f"the change needs the tests in {part.name}")
        workspace = self.run.workspace / _FOLDER / str(len(self._suites))
        preparation = SuitePreparation(
            tools=self.tools,
            mirror=self.mirror,
            issue=self.issue,
            ranking=part.paths,
            run=self.run,
            workspace=workspace,
            fetch_for_private=self.fetch_for_private,
        )
        async with asyncio.timeout(seconds):
            suite = await preparation.prepare(part.plan)
        self._suites[part.name] = (workspace, suite)
        return workspace, suite

    @property
    def _name(self) -> str:
        return language_of_runner(self.suite.runner) or "the configured command"
