"""The report of our reporters for JavaScript's test runners: one JSON object per line.

Each line is a result, ``{"file", "titles", "status", "message"}``, with ``"status": "error"`` for a
file that could not be loaded; or ``{"unfinished": "mocha"}`` for a runner that ended early.
"""

from repository.testing.models import Status
from repository.testing.run.reports.results import ReportResults, ResultCollector
from repository.testing.run.reports.untrusted_json import (
    JsonObject,
    list_field,
    parse_object,
    text_field,
)

_UNKNOWN_FILE = "(unknown file)"
_STATUSES: dict[str, Status] = {
    "passed": "passed",
    "failed": "failed",
    "error": "error",
    "skipped": "skipped",
}


def read_node(data: bytes, folder: str) -> ReportResults:
    """Read results; of several tests with the same titles in one file, the worst counts.

    ``folder`` is the prefix to remove from paths.

    Raises:
        UnreadableReport: no test has a result.
    """
    collector = ResultCollector()
    for line in data.decode(errors="replace").splitlines():
        event = parse_object(line)
        if "unfinished" in event:
            collector.set_status(f"::{text_field(event, 'unfinished')} ended early", "error")
        elif "status" in event:
            _collect(event, folder, collector)
    return collector.results()


def _collect(event: JsonObject, folder: str, collector: ResultCollector) -> None:
    file = text_field(event, "file").removeprefix(folder)
    titles = " > ".join(str(title) for title in list_field(event, "titles"))
    status = _STATUSES.get(text_field(event, "status"), "skipped")
    test = f"{file}::{titles}" if titles else f"::{file}"
    if not file and status != "error":
        test = f"{_UNKNOWN_FILE}::{titles}"
    collector.set_status(test, status)
    message = text_field(event, "message")
    if message:
        collector.add_output(test, f"{message}\n")
