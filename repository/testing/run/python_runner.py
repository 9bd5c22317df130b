"""Run pytest, unittest or a repository's own script with time limits, and write a JUnit XML report.

This program is passed by ``-c`` and runs inside the sandbox, on any Python since 3.6, with only the
standard library. Its parts, the modules that it imports from here, are passed in the same text.

Arguments: ``pytest``, ``unittest`` or ``script``; the report's path; the total time limit and that
of one test, in seconds. Then, for pytest, its options, ``--`` and tests; for unittest, test files
or folders below the current one, or node ids such as ``tests/test_cart.py::TestCart::test_total``
(none: every test*.py and *_test.py there); for a script, its path and arguments.

After the total time no further test starts, and the report has those that ran. For a script,
everything that unittest's result objects receive is recorded, even if it has its own runner.

Exits with 0 (green), 1 (red) or another number (did not run to completion).
"""

import importlib
import os
import runpy
import sys
import traceback
import unittest
from pathlib import Path
from typing import Any, Callable, List, Optional, Set, Tuple
from xml.etree import ElementTree

from repository.testing.run.crashes import TEST, Send, run_despite_crashes, send_nothing
from repository.testing.run.pytest_runner import run_pytest
from repository.testing.run.time_limits import INTERRUPTED, Limits

MAX_TEXT = 4000
MAX_MESSAGE = 200
CRASHED = 3
#: (method of a unittest result, the report's element; None for a passing test)
RESULT_METHODS = (
    ("addSuccess", None),
    ("addError", "error"),
    ("addFailure", "failure"),
    ("addSkip", "skipped"),
    ("addExpectedFailure", "skipped"),
    ("addUnexpectedSuccess", "failure"),
)
#: A script in one of these folders is run from the root, any other from its own folder.
SCRIPT_FOLDERS = ("bin", "scripts", "tools")


class Report:
    """Records what unittest's results receive from any runner, by wrapping their methods."""

    def __init__(self, limits: Limits, send: Send):
        """``send`` is called with each test's id before it starts."""
        self.send = send
        self.suite = ElementTree.Element("testsuite")
        self.prefix = ""
        """The current test file's module, from its path; if empty, that of the test's class."""
        self.limits = limits
        self.pid = os.getpid()
        for name, element in RESULT_METHODS:
            self.wrap_result_method(name, element)
        self.wrap_subtests()
        self.wrap_start_and_stop()

    def wrap_result_method(self, name: str, element: Optional[str]) -> None:
        original = getattr(unittest.TestResult, name)

        def wrapped(result: Any, test: Any, *details: Any) -> Any:
            answer = original(result, test, *details)
            text = details[0] if details else element or ""
            if isinstance(text, tuple):
                text = format_exception(text)
            self.record(test, element, str(text))
            return answer

        replace_method(name, wrapped)

    def wrap_subtests(self) -> None:
        original = unittest.TestResult.addSubTest

        def add_sub_test(result: Any, test: Any, subtest: Any, error: Any) -> None:
            original(result, test, subtest, error)
            if error is not None:
                self.record(test, "failure", f"{subtest}\n{format_exception(error)}")

        replace_method("addSubTest", add_sub_test)

    def wrap_start_and_stop(self) -> None:
        start = unittest.TestResult.startTest
        stop = unittest.TestResult.stopTest

        def start_test(result: Any, test: Any) -> None:
            self.send(TEST, "::".join(self.id_of(test)))
            start(result, test)
            if not self.limits.begin_test():
                result.stop()

        def stop_test(result: Any, test: Any) -> None:
            self.limits.end_test()
            self.send(TEST, "")
            stop(result, test)

        replace_method("startTest", start_test)
        replace_method("stopTest", stop_test)

    def record(self, test: Any, element: Optional[str], text: str = "") -> None:
        """Add the result of a test, or of anything else that unittest reports."""
        class_name, name = self.id_of(test)
        self.add_entry(class_name, name, element, text)

    def id_of(self, test: Any) -> Tuple[str, str]:
        """Return the class and the name of a test in the report."""
        test = getattr(test, "test_case", test)
        name = getattr(test, "_testMethodName", None)
        if name is None:  # setUpClass and its like
            return self.prefix, str(test)
        test_class = type(test)
        module = self.prefix or test_class.__module__
        return f"{module}.{test_class.__qualname__}", name

    def add_entry(
        self, class_name: str, name: str, element: Optional[str] = None, text: str = ""
    ) -> None:
        case = ElementTree.SubElement(
            self.suite, "testcase", classname=printable(class_name), name=printable(name)
        )
        if element is None:
            return
        text = printable(text)[-MAX_TEXT:]
        message = text.strip()[-MAX_MESSAGE:]
        ElementTree.SubElement(case, element, message=message).text = text
        if element != "skipped" and self.prefix:
            sys.stdout.write(f"{element.upper()}: {class_name}::{name}\n{text}\n")

    def write(self, path: str) -> None:
        """Write the report, unless this process was forked by a test."""
        if os.getpid() == self.pid:
            ElementTree.ElementTree(self.suite).write(path, encoding="utf-8", xml_declaration=True)


def replace_method(name: str, method: Callable[..., Any]) -> None:
    setattr(unittest.TestResult, name, method)


def format_exception(error: Any) -> str:
    return "".join(traceback.format_exception(*error))


def printable(text: str) -> str:
    """Return ``text`` without characters that XML can't represent."""
    return "".join(
        c for c in text if c in "\n\t" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe"
    )


def find_test_files(top: str) -> List[str]:
    paths = []
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(names):
            if name.endswith(".py") and (name.startswith("test") or name.endswith("_test.py")):
                paths.append(str(Path(folder, name)))
    return paths


def absolute(path: str) -> Path:
    """Return an absolute path without ``..``; links are not followed."""
    return Path(os.path.abspath(path))


def expand_folders(tests: List[str]) -> List[str]:
    """Return test files and node ids; a folder is replaced with the test files in it."""
    expanded: List[str] = []
    for test in tests:
        expanded += find_test_files(test) if Path(test).is_dir() else [test]
    return expanded


def load_tests(test: str) -> unittest.TestSuite:
    """Import a test file by its full module name and return its tests, or those of a node id."""
    path, *inside = test.split("::")
    file = absolute(path)
    parts = [file.stem]
    folder = file.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    name = ".".join(parts)
    imported = sys.modules.get(name)
    if imported is not None and absolute(imported.__file__ or "") != file:
        del sys.modules[name]  # a file of the same name in another folder
    module = importlib.import_module(name)
    if inside:
        return unittest.defaultTestLoader.loadTestsFromName(".".join(inside), module)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def run_unittest(report_path: str, limits: Limits, paths: List[str]) -> int:
    def run(without: Set[str], send: Send) -> int:
        report = Report(limits, send)
        return run_files(report, report_path, expand_folders(paths or ["."]), without)

    code, _ = run_despite_crashes(run, report_path)
    return code


def run_files(report: Report, report_path: str, paths: List[str], without: Set[str]) -> int:
    """Run the tests of files and node ids, except some, and write the report."""
    result = unittest.TestResult()
    all_loaded = True
    for path in paths:
        report.prefix = path.partition("::")[0][: -len(".py")].replace(os.sep, ".")
        try:
            tests = load_tests(path)
        except (Exception, SystemExit):  # a module may do anything at import
            all_loaded = False
            report.add_entry("", report.prefix, "error", traceback.format_exc())
            continue
        if without:
            kept = [test for test in flatten(tests) if "::".join(report.id_of(test)) not in without]
            tests = unittest.TestSuite(kept)
        tests.run(result)
    report.write(report_path)
    sys.stdout.write(f"{result.testsRun} tests run\n")
    if report.limits.interrupted or not all_loaded:
        return INTERRUPTED
    return 0 if result.wasSuccessful() else 1


def flatten(tests: Any) -> List[Any]:
    """Return the tests of a suite and of those in it."""
    if not isinstance(tests, unittest.TestSuite):
        return [tests]
    flat: List[Any] = []
    for test in tests:
        flat += flatten(test)
    return flat


def run_script(report_path: str, limits: Limits, script: str, arguments: List[str]) -> int:
    report = Report(limits, send_nothing)
    file = absolute(script)
    sys.path[0] = str(file.parent)
    sys.argv = [str(file), *arguments]
    if file.parent.name not in SCRIPT_FOLDERS:
        os.chdir(str(file.parent))
    code = run_as_main(str(file))
    if len(report.suite):
        report.write(report_path)
    return INTERRUPTED if limits.interrupted else code


def run_as_main(script: str) -> int:
    """Run a script and return its exit code."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, int):
            return end.code
        return 1 if end.code else 0
    except BaseException:
        traceback.print_exc()
        return CRASHED
    return 0


def main(kind: str, report_path: str, limits: Limits, arguments: List[str]) -> int:
    if kind == "pytest":
        return run_pytest(report_path, limits, arguments)
    if kind == "script":
        return run_script(report_path, limits, arguments[0], arguments[1:])
    return run_unittest(report_path, limits, arguments)


if __name__ == "__main__":
    sys.exit(
        main(
            sys.argv[1],
            sys.argv[2],
            Limits(float(sys.argv[3]), float(sys.argv[4])),
            sys.argv[5:],
        )
    )
