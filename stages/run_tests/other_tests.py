"""Test a change also where the prepared suite does not reach: in other languages and packages.

The prepared suite is that of the language, and the packages, that the issue seems to be about. Only
a change shows which others it needs: their environment is then built in a folder of its own, their
tests are run like those of the prepared suite, and the verdicts become one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.stage import RunContext
from pipeline.time_limit import finish_within
from repository.git import Mirror
from repository.languages import Language
from repository.testing.change_tester import ChangeTester
from repository.testing.ecosystems import language_of_runner
from repository.testing.install.tools import BuildTools
from repository.testing.models import Suite
from repository.testing.other_projects import Part, SuiteKey, changed_languages, find_part
from repository.testing.plan import TestPlan
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests import SuitePreparation, open_bed_in, plan_suite
from stages.run_tests.candidate_tester import CandidateTester
from stages.run_tests.choosing import SECONDS_TO_CHOOSE
from stages.run_tests.joined_verdicts import join, note_untested
from stages.run_tests.results import Change, DidNotRun, Passed, Regressed, Result, Unproven

#: Less time is not enough to build an environment and to run tests in it.
_MIN_SECONDS = 60.0
_RUNS = 3
"""Runs without and with the change, and again: without time for them, none is begun."""
_NO_TIME = "no time was left"
_NO_RESULT = "no test had a result"
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
    _plans: dict[tuple[Language, tuple[str, ...]], TestPlan] = field(default_factory=dict)
    """Language and changed paths -> plan; candidates of one change often have the same."""
    _suites: dict[SuiteKey, tuple[Path, Suite] | None] = field(default_factory=dict)
    """Key of a suite -> the folder of its environment, and the suite; None if time ran out."""

    async def find_parts(self, change: Change) -> list[Part]:
        """Return the parts of a change to which the prepared suite does not belong."""
        parts: list[Part] = []
        for language, paths in changed_languages(change.files, self.suite).items():
            plan = await self._plan(language, tuple(paths))
            part = find_part(language, paths, plan, change.files, self.suite)
            if part is not None:
                parts.append(part)
        return parts

    async def _plan(self, language: Language, paths: tuple[str, ...]) -> TestPlan:
        if (language, paths) not in self._plans:
            plan = await plan_suite(self.mirror, self.checkout, self.tools, paths, language)
            self._plans[language, paths] = plan
        return self._plans[language, paths]

    async def add(self, change: Change, result: Result, parts: Sequence[Part]) -> Result:
        """Return the result of the prepared suite with those of the parts' own tests.

        The first of theirs that speaks against the change counts alone.
        """
        name: str = language_of_runner(self.suite.runner) or ""
        for part in parts:
            if isinstance(result, Regressed | DidNotRun):
                return result
            own = await self._test_part(change, part)
            if isinstance(own, Regressed | Unproven):
                return own
            if isinstance(own, str):
                result = note_untested(result, part, own)
            else:
                result = join(result, own, (name, part.name))
                name = ""
        return result

    async def _test_part(self, change: Change, part: Part) -> Passed | Unproven | Regressed | str:
        """Return the result of a part's own tests, or why there is none."""
        if part.obstacle:
            return part.obstacle
        prepared = await self._prepare(part)
        if prepared is None:
            return _NO_TIME
        workspace, suite = prepared
        bed = open_bed_in(workspace, self.tools.sandbox, suite, self.run)
        if bed is None or suite.base is None:
            return suite.reason
        if _RUNS * suite.base.seconds > self.run.seconds_left():
            return _NO_TIME
        tester = CandidateTester(
            tester=ChangeTester(bed, self.mirror, suite, suite.base),
            reproduction=None,
            round=self.run.round,
            seconds_left=self.run.seconds_left,
        )
        # If the run's time were used up, what the prepared suite has shown would be lost.
        seconds = self.run.seconds_left() - SECONDS_TO_CHOOSE
        result = await finish_within(seconds, tester.test(change, part.paths))
        return _NO_RESULT if isinstance(result, DidNotRun) else result or _NO_TIME

    async def _prepare(self, part: Part) -> tuple[Path, Suite] | None:
        """Return the folder and the suite of a part; None without the time for it.

        It may take half of the time that is left.
        """
        if part.suite_key not in self._suites:
            seconds = self.run.seconds_left() / 2
            if seconds < _MIN_SECONDS:
                return None
            workspace = self.run.workspace / _FOLDER / str(len(self._suites))
            self._suites[part.suite_key] = None
            suite = await finish_within(seconds, self._prepare_in(workspace, part))
            if suite is not None:
                self._suites[part.suite_key] = (workspace, suite)
        return self._suites[part.suite_key]

    async def _prepare_in(self, workspace: Path, part: Part) -> Suite:
        self.run.progress(f"the change needs the tests in {part.name}")
        preparation = SuitePreparation(
            tools=self.tools,
            mirror=self.mirror,
            issue=self.issue,
            ranking=part.paths,
            run=self.run,
            workspace=workspace,
            fetch_for_private=self.fetch_for_private,
        )
        return await preparation.prepare(part.plan)
