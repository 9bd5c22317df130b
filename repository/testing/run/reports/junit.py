"""JUnit XML as hostile code left it: opened without following links, bounded, parsed without
entities.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from repository.testing.models import Status

MAX_REPORT_BYTES = 50_000_000
MAX_FAILURE_CHARS = 2_000
MAX_FAILURES = 60
MAX_ID_CHARS = 1_000
_WORST: tuple[Status, ...] = ("passed", "skipped", "failed", "error")


class UnreadableReport(Exception):
    """There is no report, or none that can be trusted to be one; the text says which."""


def read_report(folder: Path, name: str) -> bytes:
    """A regular file of at most MAX_REPORT_BYTES in ``folder``; never through a link."""
    try:
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        finally:
            os.close(above)
    except OSError as error:
        raise UnreadableReport(f"no report: {error.strerror}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise UnreadableReport("the report is not a plain file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_REPORT_BYTES + 1)
    if len(data) > MAX_REPORT_BYTES:
        raise UnreadableReport(f"the report is larger than {MAX_REPORT_BYTES} bytes")
    return data


def parse_report(data: bytes) -> tuple[dict[str, Status], dict[str, str]]:
    """Results and failure texts by test id. A test that is told of twice (a failing teardown)
    counts at its worst.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableReport(f"the report is not JUnit XML: {error}") from error
    results: dict[str, Status] = {}
    failures: dict[str, str] = {}
    for place, case in _cases(root):
        test = f"{place}::{case.get('name', '')}"[:MAX_ID_CHARS]
        status, text = _status(case)
        results[test] = max(results.get(test, status), status, key=_WORST.index)
        if status in ("failed", "error") and len(failures) < MAX_FAILURES:
            failures[test] = f"{failures.get(test, '')}{text}"[-MAX_FAILURE_CHARS:]
    return results, failures


def _cases(root: Element) -> Iterator[tuple[str, Element]]:
    """Each test case with its class name; Node's own runner has none, there the suites' names stand
    for it.
    """
    waiting: list[tuple[tuple[str, ...], Element]] = [((), root)]
    while waiting:
        names, element = waiting.pop()
        if element.tag == "testcase":
            given = element.get("classname", "")
            yield (" > ".join(names) if given == "test" and names else given), element
            continue
        if element.tag == "testsuite" and (name := element.get("name")):
            names = (*names, name)
        waiting += [
            (names, child)
            for child in reversed(element)
            if child.tag in ("testsuites", "testsuite", "testcase")
        ]


def _status(case: Element) -> tuple[Status, str]:
    kinds: tuple[tuple[str, Status], ...] = (
        ("error", "error"),
        ("failure", "failed"),
        ("skipped", "skipped"),
    )
    for tag, status in kinds:
        if (found := case.find(tag)) is not None:
            message = found.get("message") or ""
            text = "".join(found.itertext())
            return status, text if message.strip() in text else f"{message}\n{text}"
    return "passed", ""


def junit_id(node_id: str) -> str:
    """A pytest node id (``p/test_x.py::TestA::test_b[c]``) as its report tells it
    (``p.test_x.TestA::test_b[c]``).
    """
    path, _, rest = node_id.partition("::")
    head, bracket, parameters = rest.partition("[")
    *classes, name = head.split("::")
    module = re.sub(r"\.py$", "", path).replace("/", ".")
    return f"{'.'.join([module, *classes])}::{name}{bracket}{parameters}"
