"""Read the report that a runner wrote."""

from pathlib import Path

from repository.runners import Runner
from repository.testing.run.reports.cargo import read_cargo
from repository.testing.run.reports.files import read_report_file
from repository.testing.run.reports.go import read_go
from repository.testing.run.reports.junit import read_junit
from repository.testing.run.reports.lines import read_lines
from repository.testing.run.reports.node import read_node
from repository.testing.run.reports.results import ReportResults, UnreadableReport


def read_results(runner: Runner, folder: Path, tree: Path, output: str) -> ReportResults:
    """Read the report in ``folder``, or the runner's ``output`` if that is its report.

    ``tree`` is the path of the project's folder in the tree, as the tests see it.

    Raises:
        UnreadableReport: neither can be read.
    """
    match runner:
        case "go":
            return read_go(read_report_file(folder, "go.json"))
        case "jest" | "vitest" | "mocha" | "node:test" | "jasmine" | "tap":
            return read_node(read_report_file(folder, "node.jsonl"), f"{tree}/")
        case "cargo":
            return read_cargo(_read_text(folder, "cargo.txt"))
        case "script":
            return _read_script(folder, output)
        case _:
            return read_junit(read_report_file(folder, "junit.xml"))


def _read_text(folder: Path, name: str) -> str:
    return read_report_file(folder, name).decode(errors="replace")


def _read_script(folder: Path, output: str) -> ReportResults:
    """Read JUnit XML; for a script that does not use unittest, read the printed lines instead."""
    try:
        return read_junit(read_report_file(folder, "junit.xml"))
    except UnreadableReport:
        statuses = read_lines(output)
        if not statuses:
            raise
        return ReportResults(statuses, {})
