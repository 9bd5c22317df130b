"""The verbose output of a repository's own test script."""

import re

from repository.testing.models import Status, worse

#: A file's heading in the output of SymPy's runner, followed by one line per test.
_HEADING = re.compile(r"^(\S+\.py)\[[\d, ]+\]")
_TEST = re.compile(
    r"^(?P<test>test\w*(?: \([\w.]+\))?)(?: \.\.\.)? "
    r"(?P<status>ok|FAIL|ERROR|[FEsfXwTK]|skipped\b.*)$"
)
_END_MARK = re.compile(r"\s*\[(?:OK|FAIL)\]\s*$")
_MAX_LINE = 500
_STATUSES: dict[str, Status] = {
    "ok": "passed",
    "F": "failed",
    "FAIL": "failed",
    "E": "error",
    "ERROR": "error",
}


def read_lines(output: str) -> dict[str, Status]:
    """Read the lines that report a test; other lines are skipped.

    They are ``test_x ok`` below a heading ``path/test_y.py[3]``, and unittest's
    ``test_x (module.Class) ... ok``.
    """
    statuses: dict[str, Status] = {}
    module = ""
    for line in output.splitlines():
        if len(line) > _MAX_LINE:
            continue
        if match := _HEADING.match(line):
            module = match[1].removesuffix(".py").replace("/", ".")
        elif match := _TEST.match(_END_MARK.sub("", line)):
            name, _, class_name = match["test"].partition(" (")
            place = class_name.rstrip(")") or module
            status = _STATUSES.get(match["status"], "skipped")
            test = f"{place}::{name}"
            statuses[test] = worse(statuses.get(test, status), status)
    return statuses
