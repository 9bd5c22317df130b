"""Tests by name, with their results before and after a change: those that matter first."""

from collections.abc import Iterable
from dataclasses import dataclass

from console.runs.rounds import ProposedChange, RoundReport
from repository.testing.models import Suite

#: A test that is not in the results: it does not exist there, or was not run.
ABSENT = "absent"


@dataclass(frozen=True)
class TestComparison:
    """Names are as the runner reports them: untrusted."""

    __test__ = False

    test: str
    before: str
    """passed, failed, error, skipped or absent"""
    after: str
    """passed, failed or absent; flaky if it ended differently when it was run again"""


def compare_tests(suite: Suite, round_: RoundReport | None) -> list[TestComparison]:
    """Return the tests that fail before or after the change of a round: regressions, then those
    that still fail, then what is fixed.

    Args:
        suite: the tests, with their results on the base commit.
        round_: the round whose change was tested; None for the base commit alone.
    """
    base = _BaseResults(suite)
    if round_ is None:
        return base.rows(sorted(base.failing), ABSENT)
    if round_.verdict is not None:
        verdict = round_.verdict
        return [
            *base.rows(verdict.regressed, "failed"),
            *base.rows(verdict.still_failing, "failed"),
            *base.rows(verdict.flaky, "flaky"),
            *base.rows(verdict.fixed, "passed"),
        ]
    return base.rows(_failing(round_.changes), "failed")


def _failing(changes: Iterable[ProposedChange]) -> list[str]:
    names: dict[str, None] = {}
    for change in changes:
        names.update(dict.fromkeys(change.failing))
    return list(names)


class _BaseResults:
    """The results on the base commit."""

    def __init__(self, suite: Suite):
        self._results = suite.base.results if suite.base is not None else {}
        self.failing = suite.base.red if suite.base is not None else frozenset()

    def rows(self, tests: Iterable[str], after: str) -> list[TestComparison]:
        return [TestComparison(test, self._results.get(test, ABSENT), after) for test in tests]
