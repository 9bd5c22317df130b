"""Lines of Rust's libtest."""

import re

from repository.testing.models import Status
from repository.testing.run.reports.results import MAX_ID_CHARS, ReportResults, make_results

_TARGET = re.compile(r"^\s+(?:Running (?:unittests )?(\S+)|Doc-tests (\S+))")
_TEST = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b")
_OUTPUT_OF = re.compile(r"^---- (.+) stdout ----$")
_STATUSES: dict[str, Status] = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}


def read_cargo(output: str) -> ReportResults:
    """Read results; what does not compile leaves none.

    Raises:
        UnreadableReport: no test has a result.
    """
    statuses: dict[str, Status] = {}
    test_output: dict[str, str] = {}
    target = ""
    current = ""
    """The test whose output the lines are."""
    for line in output.splitlines():
        if match := _TARGET.match(line):
            target = match[1] or f"doc {match[2]}"
        elif match := _TEST.match(line):
            statuses[f"{target}::{match[1]}"[:MAX_ID_CHARS]] = _STATUSES[match[2]]
        elif match := _OUTPUT_OF.match(line):
            current = f"{target}::{match[1]}"
        elif line == "failures:":
            current = ""
        elif line and current:
            test_output[current] = f"{test_output.get(current, '')}{line}\n"
    return make_results(statuses, test_output)
