"""The tests that matter for a run's verdict, before and after the change."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.html.bars import Tone
from console.runs.rounds import RoundReport
from console.runs.test_comparison import ABSENT, TestComparison, compare_tests
from console.runs.test_results import TestResults

#: Rows of the table; the command in the page shows all.
MAX_ROWS = 200
_BEFORE = {"passed": "passes", "failed": "fails", "error": "fails", ABSENT: "new"}
_AFTER = {"passed": "passes", "failed": "fails", ABSENT: "not run"}


@dataclass(frozen=True)
class TestRow:
    """A test with its results in words."""

    __test__ = False

    name: str
    before: str
    after: str
    tone: Tone


@dataclass(frozen=True)
class TestTable:
    __test__ = False

    rows: tuple[TestRow, ...]
    left_out: int
    """How many tests have no row."""


def make_test_table(tests: TestResults, rounds: Sequence[RoundReport]) -> TestTable:
    """Return the tests that fail before or after the change; first those that prove it."""
    if tests.suite is None:
        return TestTable((), 0)
    judged = [round_ for round_ in rounds if round_.verdict is not None]
    compared = compare_tests(tests.suite, judged[-1] if judged else None)
    compared.sort(key=lambda test: test.after != "passed")
    rows = tuple(_row(test) for test in compared[:MAX_ROWS])
    return TestTable(rows, len(compared) - len(rows))


def _row(test: TestComparison) -> TestRow:
    before = _BEFORE.get(test.before, test.before)
    if test.before == ABSENT and test.after == "passed":
        # It is in the change itself, and counts only because it fails without the rest of it.
        before = "new; fails without the change"
    after = _AFTER.get(test.after, test.after)
    return TestRow(test.test, before, after, _tone(test))


def _tone(test: TestComparison) -> Tone:
    if test.after == "passed":
        return "good"
    if test.after == "failed" and test.before == "passed":
        return "bad"
    return "warn"
