"""The output of ``cargo_tests.sh``: of cargo, of libtest and of the script itself."""

import re
from collections import deque

from repository.testing.models import Status
from repository.testing.run.reports.results import ReportResults, ResultCollector

_TARGET = re.compile(r"^\s+Running (?:unittests )?(\S+)")
_DOC_TESTS = re.compile(r"^\s+Doc-tests (\S+)")
_OWN_LINE = re.compile(r"^@@ (package|member|exit|crashed|end) ?(.*)$")
_TEST = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b")
_OUTPUT_OF = re.compile(r"^---- (.+) stdout ----$")
_NOT_COMPILED = re.compile(r"^error: could not compile `([^`]+)`(?: \((.+?)\)(?: due|$))?")
_RUNNING = re.compile(r"^running \d+ tests?$")
_LINE_NUMBER = re.compile(r" \(line \d+\)")
_STATUSES: dict[str, Status] = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}
_FOLDERS_OF_KINDS = {"test": "tests", "example": "examples", "bench": "benches"}
_DOC_TARGET = "doc-tests "
_TIMED_OUT = "124"
_MAX_LINE = 5_000
#: Lines of a compiler's errors to keep.
_MAX_ERROR_LINES = 40


def read_cargo(output: str) -> ReportResults:
    """Read results by target and test, such as ``crates/calc/src/lib.rs::tests::adds``.

    What took too long or does not compile has an error with the id ``::`` and the beginning of its
    tests' ids, and no other result. Doc tests are named without their line; if an item has several,
    the worst result counts. A test executable without Rust's own harness is one test, ``main``.

    Raises:
        UnreadableReport: no test has a result.
    """
    reader = _Reader()
    for line in output.splitlines():
        if len(line) <= _MAX_LINE:
            reader.read(line)
    return reader.results()


class _Reader:
    """Reads line by line; what a line means depends on the target that runs."""

    def __init__(self) -> None:
        self.collector = ResultCollector()
        self._target = ""
        self._results: list[tuple[str, Status]] = []
        """Results of an executable, which count once it has ended."""
        self._listing = False
        """Whether libtest is printing a line per test."""
        self._summarized = False
        """Whether libtest printed its summary of the target."""
        self._printing = ""
        """The test or place that printed the lines that follow."""
        self._folders: dict[str, str] = {}
        """Package of the workspace -> its folder."""
        self._not_compiled: dict[tuple[str, str], str] = {}
        """(package, target) -> the compiler's errors."""
        self._other_lines: deque[str] = deque(maxlen=_MAX_ERROR_LINES)
        """The latest lines that belong to no test, such as a compiler's."""

    def read(self, line: str) -> None:
        if match := _OWN_LINE.match(line):
            self._read_own_line(match[1], match[2])
        elif match := _TARGET.match(line):
            self._begin_target(match[1])
        elif match := _DOC_TESTS.match(line):
            self._begin_target(f"{_DOC_TARGET}{match[1]}")
        elif not self._printing and (match := _NOT_COMPILED.match(line)):
            self._add_not_compiled(match[1], match[2] or "lib")
        else:
            self._read_test_line(line)

    def results(self) -> ReportResults:
        for (package, target), error in self._not_compiled.items():
            for place in self._places(package, target):
                self.collector.set_status(f"::{place}", "error")
                self.collector.add_output(f"::{place}", error)
        return self.collector.results()

    def _places(self, package: str, target: str) -> list[str]:
        """Return what the ids of a target's tests begin with; without its library, none can run."""
        folder = self._folders.get(package)
        if folder is None:
            return [package]
        prefix = f"{folder}/" if folder else ""
        if target == "lib":
            return [f"{prefix}src", f"{prefix}tests", f"{_DOC_TARGET}{package.replace('-', '_')}"]
        if target == "lib test":
            return [f"{prefix}src/lib"]
        kind, _, name = target.partition(" ")
        name = name.partition('"')[2].partition('"')[0]
        if kind in _FOLDERS_OF_KINDS:
            return [f"{prefix}{_FOLDERS_OF_KINDS[kind]}/{name}"]
        return [f"{prefix}src"]

    def _begin_target(self, target: str) -> None:
        self._target = target
        self._results = []
        self._listing = False
        self._summarized = False
        self._printing = ""

    def _read_own_line(self, kind: str, value: str) -> None:
        match kind:
            case "package":
                self._target = f"{value}/{self._target}" if value else self._target
            case "member":
                name, _, folder = value.partition(" ")
                self._folders[name] = folder
            case "crashed":
                self._results = []
            case "exit":
                self._end_target(value)
            case "end":
                self._printing = ""

    def _end_target(self, exit_code: str) -> None:
        self._listing = False
        self._printing = f"::{self._target}"
        if exit_code == _TIMED_OUT:
            self.collector.set_status(self._printing, "error")
            self.collector.add_output(self._printing, "the tests took too long\n")
            return
        for test, status in self._results:
            self.collector.set_status(test, status)
        if not self._summarized and not self._results:
            self._printing = f"{self._target}::main"
            self.collector.set_status(self._printing, "passed" if exit_code == "0" else "failed")

    def _read_test_line(self, line: str) -> None:
        if _RUNNING.match(line):
            self._listing = True
            self._printing = ""
        elif line.startswith("test result: "):
            self._summarized = True
            self._listing = False
            self._printing = ""
        elif line == "failures:":
            self._listing = False
            self._printing = ""
        elif match := _OUTPUT_OF.match(line):
            self._printing = self._id(match[1])
        elif self._printing:
            self.collector.add_output(self._printing, f"{line}\n")
        elif self._listing and (match := _TEST.match(line)):
            self._add_result(self._id(match[1]), _STATUSES[match[2]])
        else:
            self._other_lines.append(line)

    def _add_result(self, test: str, status: Status) -> None:
        if self._target.startswith(_DOC_TARGET):
            self.collector.set_status(test, status)
        else:
            self._results.append((test, status))

    def _id(self, name: str) -> str:
        if self._target.startswith(_DOC_TARGET):
            name = _LINE_NUMBER.sub("", name)
        return f"{self._target}::{name}"

    def _add_not_compiled(self, package: str, target: str) -> None:
        error = "\n".join(self._other_lines)
        self._not_compiled[package, target] = error or self._not_compiled.get((package, target), "")
        self._other_lines.clear()
