"""The output of Rust's libtest."""

import re

from repository.testing.models import Status
from repository.testing.run.reports.results import ReportResults, ResultCollector

_TARGET = re.compile(r"^\s+(?:Running (?:unittests )?(\S+)|Doc-tests (\S+))")
_TEST = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b")
_OUTPUT_OF = re.compile(r"^---- (.+) stdout ----$")
_STATUSES: dict[str, Status] = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}


def read_cargo(output: str) -> ReportResults:
    """Read results; code that does not compile has none.

    Raises:
        UnreadableReport: no test has a result.
    """
    collector = ResultCollector()
    target = ""
    printing_test = ""
    for line in output.splitlines():
        if match := _TARGET.match(line):
            target = match[1] or f"doc {match[2]}"
        elif match := _TEST.match(line):
            name, word = match.groups()
            collector.set_status(f"{target}::{name}", _STATUSES[word])
        elif match := _OUTPUT_OF.match(line):
            printing_test = f"{target}::{match[1]}"
        elif line == "failures:":
            printing_test = ""
        elif line and printing_test:
            collector.add_output(printing_test, f"{line}\n")
    return collector.results()
