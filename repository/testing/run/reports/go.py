"""The output of ``go test -json``: one object per line (https://pkg.go.dev/cmd/test2json)."""

from repository.testing.models import Status
from repository.testing.run.reports.results import ReportResults, ResultCollector
from repository.testing.run.reports.untrusted_json import parse_object, text_field

_STATUS_BY_ACTION: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped"}


def read_go(data: bytes) -> ReportResults:
    """Read results; a package that did not build or crashed has the id ``::package``.

    Raises:
        UnreadableReport: no test has a result.
    """
    collector = ResultCollector()
    failed_packages: list[str] = []
    packages_with_failing_tests: set[str] = set()
    for line in data.decode(errors="replace").splitlines():
        event = parse_object(line)
        package = text_field(event, "Package")
        test = event.get("Test")
        name = f"{package}::{test}" if test else f"::{package}"
        action = text_field(event, "Action")
        status = _STATUS_BY_ACTION.get(action)
        if action == "output":
            collector.add_output(name, text_field(event, "Output"))
        elif status is None:
            continue
        elif test:
            collector.set_status(name, status)
            if status == "failed":
                packages_with_failing_tests.add(package)
        elif status == "failed":
            failed_packages.append(package)
    for package in failed_packages:
        if package not in packages_with_failing_tests:
            collector.set_status(f"::{package}", "error")
    return collector.results()
