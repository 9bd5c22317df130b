"""JUnit XML reports, parsed without entities."""

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from repository.testing.models import Status, worse
from repository.testing.run.reports.results import (
    MAX_FAILURE_CHARS,
    MAX_FAILURES,
    MAX_ID_CHARS,
    MAX_SKIP_CHARS,
    MAX_SKIP_REASONS,
    ReportResults,
    UnreadableReport,
)

#: Suites within suites that are part of an id: more make reading quadratic.
_MAX_SUITES = 50
_STATUS_BY_TAG: tuple[tuple[str, Status], ...] = (
    ("error", "error"),
    ("failure", "failed"),
    ("skipped", "skipped"),
)


def read_junit(data: bytes) -> ReportResults:
    """Read results and failures; of several entries (such as a failing teardown) the worst counts.

    Raises:
        UnreadableReport: ``data`` is not JUnit XML.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableReport(f"the report is not JUnit XML: {error}") from error
    statuses: dict[str, Status] = {}
    failures: dict[str, str] = {}
    skip_reasons: dict[str, None] = {}
    for class_name, case in _test_cases(root):
        test = f"{class_name}::{case.get('name', '')}"[:MAX_ID_CHARS]
        status, text = _outcome(case)
        statuses[test] = worse(statuses.get(test, status), status)
        if status in ("failed", "error") and len(failures) < MAX_FAILURES:
            failures[test] = f"{failures.get(test, '')}{text}"[-MAX_FAILURE_CHARS:]
        if status == "skipped" and len(skip_reasons) < MAX_SKIP_REASONS:
            skip_reasons[text[:MAX_SKIP_CHARS]] = None
    return ReportResults(statuses, failures, tuple(skip_reasons))


def _test_cases(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield each test case, in order, with its class name, after its module if it has one."""
    stack = [_Place("", (), root)]
    while stack:
        place = stack.pop()
        element = place.element
        if element.tag == "testcase":
            yield place.class_name, element
            continue
        module = element.get("module", place.module)[:MAX_ID_CHARS]
        suites = place.suites
        name = element.get("name")
        if element.tag == "testsuite" and name and len(suites) < _MAX_SUITES:
            suites = (*suites, name[:MAX_ID_CHARS])
        for child in reversed(element):
            if child.tag in ("testsuites", "testsuite", "testcase"):
                stack.append(_Place(module, suites, child))


class _Place(NamedTuple):
    """An element and what the elements around it say."""

    module: str
    """The folder of a build's module, from the documents that our scripts join."""
    suites: tuple[str, ...]
    element: Element

    @property
    def class_name(self) -> str:
        """The class name, or the suites if it is ``test``, as Node's runner always writes."""
        class_name = self.element.get("classname", "")
        if class_name == "test" and self.suites:
            class_name = " > ".join(self.suites)
        return f"{self.module}/{class_name}" if self.module else class_name


def _outcome(case: Element) -> tuple[Status, str]:
    for tag, status in _STATUS_BY_TAG:
        element = case.find(tag)
        if element is None:
            continue
        message = element.get("message") or ""
        text = "".join(element.itertext())
        if message.strip() in text:
            return status, text
        return status, f"{message}\n{text}"
    return "passed", ""
