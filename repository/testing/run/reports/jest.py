"""The output of ``jest --json`` (https://jestjs.io/docs/cli#--json)."""

from repository.testing.models import Status
from repository.testing.run.reports.results import ReportResults, ResultCollector
from repository.testing.run.reports.untrusted_json import (
    JsonObject,
    list_field,
    object_list_field,
    parse_object,
    text_field,
)

_STATUSES: dict[str, Status] = {"passed": "passed", "failed": "failed"}


def read_jest(data: bytes, tree: str) -> ReportResults:
    """Read results; ``tree`` is the prefix to remove from paths.

    Raises:
        UnreadableReport: no test has a result.
    """
    document = parse_object(data.decode(errors="replace"))
    collector = ResultCollector()
    for file in object_list_field(document, "testResults"):
        path = text_field(file, "name").removeprefix(tree)
        cases = object_list_field(file, "assertionResults")
        for case in cases:
            _collect_case(case, path, collector)
        if not cases and text_field(file, "status") == "failed":
            collector.set_status(f"::{path}", "error")
            collector.add_output(f"::{path}", text_field(file, "message"))
    return collector.results()


def _collect_case(case: JsonObject, path: str, collector: ResultCollector) -> None:
    titles = [str(title) for title in list_field(case, "ancestorTitles") if title]
    titles.append(text_field(case, "title"))
    test = f"{path}::{' > '.join(titles)}"
    status = text_field(case, "status")
    collector.set_status(test, _STATUSES.get(status, "skipped"))
    messages = [str(message) for message in list_field(case, "failureMessages")]
    collector.add_output(test, "\n".join(messages))
