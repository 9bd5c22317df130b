"""``jest --json`` (https://jestjs.io/docs/cli#--json)."""

from typing import Any

from repository.testing.models import Status
from repository.testing.run.reports.results import ReportResults, ResultCollector
from repository.testing.run.reports.untrusted_json import objects_in, parse_object

_STATUSES: dict[str, Status] = {"passed": "passed", "failed": "failed"}


def read_jest(data: bytes, tree: str) -> ReportResults:
    """Read results; ``tree`` is the prefix to take off paths.

    Raises:
        UnreadableReport: no test has a result.
    """
    document = parse_object(data.decode(errors="replace"))
    collector = ResultCollector()
    for file in objects_in(document.get("testResults")):
        path = str(file.get("name", "")).removeprefix(tree)
        cases = objects_in(file.get("assertionResults"))
        for case in cases:
            _collect_case(case, path, collector)
        if not cases and file.get("status") == "failed":
            collector.set_status(f"::{path}", "error")
            collector.add_output(f"::{path}", str(file.get("message", "")))
    return collector.results()


def _collect_case(case: dict[str, Any], path: str, collector: ResultCollector) -> None:
    test = f"{path}::{_full_title(case)}"
    status = _STATUSES.get(str(case.get("status")), "skipped")
    collector.set_status(test, status)
    messages = case.get("failureMessages")
    if isinstance(messages, list):
        collector.add_output(test, "\n".join(str(message) for message in messages))


def _full_title(case: dict[str, Any]) -> str:
    titles: list[str] = []
    ancestors = case.get("ancestorTitles")
    if isinstance(ancestors, list):
        titles = [str(title) for title in ancestors if title]
    titles.append(str(case.get("title", "")))
    return " > ".join(titles)
