"""Results that every reader of a report returns, and the limits that hold for all."""

from typing import NamedTuple

from repository.testing.models import Status

MAX_FAILURE_CHARS = 2_000
MAX_FAILURES = 60
MAX_ID_CHARS = 1_000


class UnreadableReport(Exception):
    """There is no report, or none that can be trusted to be one; the text says which."""


class ReportResults(NamedTuple):
    """Statuses by test id, and the output of failed tests."""

    statuses: dict[str, Status]
    failures: dict[str, str]


def make_results(statuses: dict[str, Status], output: dict[str, str]) -> ReportResults:
    """Return the results with the bounded output of the first failures.

    Raises:
        UnreadableReport: no test has a result.
    """
    if not statuses:
        raise UnreadableReport("the report tells of no test")
    red = [test for test, status in statuses.items() if status in ("failed", "error")]
    failures = {test: output.get(test, "")[-MAX_FAILURE_CHARS:] for test in red[:MAX_FAILURES]}
    return ReportResults(statuses, failures)
