"""The output of ``go test -json``: one object per line (https://pkg.go.dev/cmd/test2json).

Before Go 1.24, a package that can't be built is reported by a line of text instead.
"""

import re
from collections import defaultdict

from repository.testing.models import Status
from repository.testing.run.reports.results import ReportResults, ResultCollector
from repository.testing.run.reports.untrusted_json import JsonObject, parse_object, text_field

_STATUS_BY_ACTION: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_STATUS_BY_WORD: dict[str, Status] = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
_NOT_BUILT = re.compile(r"^FAIL\t(\S+) \[(?:build|setup) failed\]$")
_BUILD_HEADING = re.compile(r"^# (\S+)(?: \[\S+\])?$")
_RESULT = re.compile(r"--- (PASS|FAIL|SKIP): (\S+) \(")
"""Before Go 1.20, there is no event if a test printed text before it on the same line."""
_MAX_LINE = 100_000


def read_go(data: bytes) -> ReportResults:
    """Read results; a package that did not build or crashed has the id ``::package``.

    Raises:
        UnreadableReport: no test has a result.
    """
    reader = _Reader()
    for line in data.decode(errors="replace").splitlines():
        if len(line) > _MAX_LINE:
            continue
        if line.startswith("{"):
            reader.read_event(parse_object(line))
        else:
            reader.read_text(line)
    return reader.results()


class _Package:
    """The events of one package."""

    def __init__(self) -> None:
        self.status: Status | None = None
        """None until the package has ended."""
        self.results: list[tuple[str, Status]] = []
        self._running: dict[str, None] = {}
        """Tests that have begun and not ended."""

    def begin(self, test: str) -> None:
        self._running[test] = None

    def end(self, test: str, status: Status) -> None:
        self._running.pop(test, None)
        self.results.append((test, status))

    def stop(self, status: Status) -> None:
        """End the package; a test that it left running has its status.

        If a crash or the time limit stopped several tests at once, it is a matter of chance which
        of the others had ended, so no test has a result.
        """
        self.status = status
        top_level = {test.partition("/")[0] for test in self._running}
        if status == "failed" and len(top_level) > 1:
            self.results = []
        else:
            self.results += [(test, status) for test in self._running]
        self._running = {}

    @property
    def failed_as_a_whole(self) -> bool:
        """Whether it failed without a failed test, for example because it did not build."""
        return self.status == "failed" and all(status != "failed" for _, status in self.results)


class _Reader:
    def __init__(self) -> None:
        self._collector = ResultCollector()
        self._packages: defaultdict[str, _Package] = defaultdict(_Package)
        self._building = ""
        """The package whose compiler errors follow."""

    def read_event(self, event: JsonObject) -> None:
        package = text_field(event, "Package")
        test = text_field(event, "Test")
        action = text_field(event, "Action")
        if action == "build-output":
            package = text_field(event, "ImportPath").partition(" ")[0]
        if action in ("output", "build-output"):
            self._add_output(package, test, text_field(event, "Output"))
        elif action == "run" and test:
            self._packages[package].begin(test)
        elif action in _STATUS_BY_ACTION:
            self._end(package, test, _STATUS_BY_ACTION[action])

    def read_text(self, line: str) -> None:
        if match := _NOT_BUILT.match(line):
            self._packages[match[1]].stop("failed")
        elif match := _BUILD_HEADING.match(line):
            self._building = match[1]
        elif self._building:
            self._collector.add_output(f"::{self._building}", f"{line}\n")

    def results(self) -> ReportResults:
        for name, package in self._packages.items():
            for test, status in package.results:
                self._collector.set_status(f"{name}::{test}", status)
            if package.failed_as_a_whole:
                self._collector.set_status(f"::{name}", "error")
        return self._collector.results()

    def _add_output(self, package: str, test: str, text: str) -> None:
        self._collector.add_output(f"{package}::{test}" if test else f"::{package}", text)
        match = _RESULT.search(text)
        if test and match and match[2] == test:
            self._end(package, test, _STATUS_BY_WORD[match[1]])

    def _end(self, package: str, test: str, status: Status) -> None:
        if test:
            self._packages[package].end(test, status)
        else:
            self._packages[package].stop(status)
