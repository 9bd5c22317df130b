"""``go test -json``: an object a line (https://pkg.go.dev/cmd/test2json)."""

from repository.testing.models import Status
from repository.testing.run.reports.results import (
    MAX_FAILURE_CHARS,
    MAX_ID_CHARS,
    ReportResults,
    make_results,
)
from repository.testing.run.reports.untrusted_json import parse_object

_STATUS_BY_ACTION: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped"}


def read_go(data: bytes) -> ReportResults:
    """Read results; a package that did not build, or crashed, is the entry ``::package``.

    Raises:
        UnreadableReport: no test has a result.
    """
    tests: dict[str, Status] = {}
    packages: dict[str, Status] = {}
    output: dict[str, str] = {}
    for line in data.decode(errors="replace").splitlines():
        event = parse_object(line)
        package = str(event.get("Package", ""))
        test = event.get("Test")
        action = str(event.get("Action"))
        name = f"{package}::{test}"[:MAX_ID_CHARS] if test else f"::{package}"
        if action == "output":
            text = output.get(name, "") + str(event.get("Output", ""))
            output[name] = text[-MAX_FAILURE_CHARS:]
        elif action in _STATUS_BY_ACTION:
            statuses = tests if test else packages
            statuses[name] = _STATUS_BY_ACTION[action]
    return make_results({**tests, **_broken_packages(tests, packages)}, output)


def _broken_packages(tests: dict[str, Status], packages: dict[str, Status]) -> dict[str, Status]:
    """Return packages that failed without a failing test."""
    with_failures = {test.partition("::")[0] for test in tests if tests[test] == "failed"}
    broken: dict[str, Status] = {}
    for name, status in packages.items():
        package = name.removeprefix("::")
        if status == "failed" and package not in with_failures:
            broken[name] = "error"
    return broken
