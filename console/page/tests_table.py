"""The tests that matter for a run's verdict, before and after the change."""

from collections.abc import Iterable
from dataclasses import dataclass

from console.html.bars import Tone
from console.runs.test_results import TestResults

#: Rows of the table; the command in the page shows all.
MAX_ROWS = 200


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


def make_test_table(tests: TestResults) -> TestTable:
    """Return the tests whose results say something: what changed first, then what fails still."""
    rows = _judged(tests) if tests.verdict is not None else _of_base(tests)
    return TestTable(tuple(rows[:MAX_ROWS]), max(len(rows) - MAX_ROWS, 0))


def _judged(tests: TestResults) -> list[TestRow]:
    verdict = tests.verdict
    if verdict is None:
        return []
    return [
        *_rows(verdict.fixed, "fails", "passes", "good"),
        *_rows(verdict.regressed, "passes", "fails", "bad"),
        *_rows(verdict.flaky, "differs when run again", "proves nothing", "warn"),
        *_rows(verdict.still_failing, "fails", "fails", "warn"),
        *_rows(verdict.could_not_run, "can't be loaded", "can't be loaded", "warn"),
    ]


def _of_base(tests: TestResults) -> list[TestRow]:
    return _rows(tests.failed_before, "fails", "not run", "warn")


def _rows(names: Iterable[str], before: str, after: str, tone: Tone) -> list[TestRow]:
    return [TestRow(name, before, after, tone) for name in names]
