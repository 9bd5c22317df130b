"""``jest --json`` (https://jestjs.io/docs/cli#--json)."""

from typing import Any

from repository.testing.models import Status
from repository.testing.run.reports.results import MAX_ID_CHARS, ReportResults, make_results
from repository.testing.run.reports.untrusted_json import objects_in, parse_object

_STATUSES: dict[str, Status] = {"passed": "passed", "failed": "failed"}


def read_jest(data: bytes, tree: str) -> ReportResults:
    """Read results; ``tree`` is the prefix to take off paths.

    Raises:
        UnreadableReport: no test has a result.
    """
    statuses: dict[str, Status] = {}
    output: dict[str, str] = {}
    document = parse_object(data.decode(errors="replace"))
    for file in objects_in(document.get("testResults")):
        path = str(file.get("name", "")).removeprefix(tree)
        cases = objects_in(file.get("assertionResults"))
        for case in cases:
            test = f"{path}::{_full_title(case)}"[:MAX_ID_CHARS]
            statuses[test] = _STATUSES.get(str(case.get("status")), "skipped")
            output[test] = "\n".join(map(str, case.get("failureMessages") or ()))
        if not cases and file.get("status") == "failed":
            statuses[f"::{path}"] = "error"
            output[f"::{path}"] = str(file.get("message", ""))
    return make_results(statuses, output)


def _full_title(case: dict[str, Any]) -> str:
    ancestors = case.get("ancestorTitles")
    titles: list[str] = []
    if isinstance(ancestors, list):
        titles = [str(title) for title in ancestors if title]
    return " > ".join([*titles, str(case.get("title", ""))])
