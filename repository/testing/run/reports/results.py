"""The results that every report reader returns, and the limits that apply to all."""

from typing import NamedTuple

from repository.testing.models import Status, worse

MAX_FAILURE_CHARS = 2_000
MAX_FAILURES = 60
MAX_ID_CHARS = 1_000
MAX_SKIP_REASONS = 60
MAX_SKIP_CHARS = 300


class UnreadableReport(Exception):
    """There is no report, or it is invalid; the message says which."""


class ReportResults(NamedTuple):
    """Statuses by test id, and the output of failed tests."""

    statuses: dict[str, Status]
    failures: dict[str, str]
    skip_reasons: tuple[str, ...] = ()
    """Each reason once."""


class ResultCollector:
    """Collects statuses and output of tests while a report is read."""

    def __init__(self) -> None:
        self._statuses: dict[str, Status] = {}
        self._output: dict[str, str] = {}

    def set_status(self, test: str, status: Status) -> None:
        """Add a result; of several under one id, the worst counts."""
        test = _encodable(test)[:MAX_ID_CHARS]
        self._statuses[test] = worse(self._statuses.get(test, status), status)

    def add_output(self, test: str, text: str) -> None:
        """Append to a test's output, of which only the end is kept."""
        test = _encodable(test)[:MAX_ID_CHARS]
        output = self._output.get(test, "") + _encodable(text)
        self._output[test] = output[-MAX_FAILURE_CHARS:]

    def results(self) -> ReportResults:
        """Return the results with the output of the first failures.

        Raises:
            UnreadableReport: no test has a result.
        """
        if not self._statuses:
            raise UnreadableReport("the report has no test")
        red = [test for test, status in self._statuses.items() if status in ("failed", "error")]
        failures: dict[str, str] = {}
        for test in red[:MAX_FAILURES]:
            failures[test] = self._output.get(test, "")
        return ReportResults(self._statuses, failures)


def _encodable(text: str) -> str:
    """Return a text that can be stored as UTF-8: JSON may have half of a surrogate pair."""
    return text.encode(errors="backslashreplace").decode()
