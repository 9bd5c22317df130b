# ruff: noqa: UP006, UP035, UP045, PTH100, PTH110, PTH118, PTH119, PTH120 - it must run on old
# Pythons
"""Runs pytest, unittest or a repository's own script within limits, and sees to a JUnit XML report.

It runs inside the sandbox, passed by ``-c``, on any Python from 3.6 on. Arguments: ``pytest``,
``unittest`` or ``script``, the report's path, seconds for all, seconds for one test, then pytest's
arguments; or test files relative to the current folder (none: every test*.py and *_test.py there);
or the script and its arguments. When the time for all is over no further test begins, and the
report tells of those that ran. Of a script, all that unittest's results are told is recorded,
whatever runner of its own it has. Ends with 0 (green), 1 (red) or another number (not to its end).
"""

import contextlib
import importlib
import importlib.util
import os
import runpy
import signal
import sys
import time
import traceback
import unittest
from typing import Any, Iterator, List, Optional
from xml.etree import ElementTree

MAX_TEXT = 4000
CALLS = (
    ("addSuccess", None),
    ("addError", "error"),
    ("addFailure", "failure"),
    ("addSkip", "skipped"),
    ("addExpectedFailure", "skipped"),
    ("addUnexpectedSuccess", "failure"),
)


class Limits:
    """A test's seconds by an alarm in the main thread, and the moment after which none begins."""

    def __init__(self, seconds: float, each: float):
        self.end = time.time() + seconds
        self.each = each
        self.cut = False

    def begin(self) -> bool:
        self.cut = self.cut or time.time() > self.end
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGALRM, self.ring)
            signal.setitimer(signal.ITIMER_REAL, self.each)
        return not self.cut

    def done(self) -> None:
        with contextlib.suppress(ValueError):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def ring(self, *_: Any) -> None:
        raise TimeoutError(f"the test took longer than {self.each:g} s")


class Report:
    """What unittest's results are told, whoever runs the tests: their methods are wrapped."""

    def __init__(self, limits: Limits):
        self.suite = ElementTree.Element("testsuite")
        self.prefix = ""
        self.limits = limits
        self.pid = os.getpid()
        for name, kind in CALLS:
            self.wrap(name, kind)
        told = unittest.TestResult.addSubTest
        start = unittest.TestResult.startTest
        stop = unittest.TestResult.stopTest

        def add_sub_test(result: Any, test: Any, subtest: Any, err: Any) -> None:
            told(result, test, subtest, err)
            if err is not None:
                self.tell(
                    test,
                    "failure",
                    "{}\n{}".format(subtest, "".join(traceback.format_exception(*err))),
                )

        def start_test(result: Any, test: Any) -> None:
            start(result, test)
            if not self.limits.begin():
                result.stop()

        def stop_test(result: Any, test: Any) -> None:
            self.limits.done()
            stop(result, test)

        for name, method in (
            ("addSubTest", add_sub_test),
            ("startTest", start_test),
            ("stopTest", stop_test),
        ):
            setattr(unittest.TestResult, name, method)

    def wrap(self, name: str, kind: Optional[str]) -> None:
        told = getattr(unittest.TestResult, name)

        def wrapped(result: Any, test: Any, *more: Any) -> Any:
            answer = told(result, test, *more)
            text = more[0] if more else kind or ""
            if isinstance(text, tuple):
                text = "".join(traceback.format_exception(*text))
            self.tell(test, kind, str(text))
            return answer

        setattr(unittest.TestResult, name, wrapped)

    def tell(self, test: Any, kind: Optional[str], text: str = "") -> None:
        test = getattr(test, "test_case", test)
        name = getattr(test, "_testMethodName", None)
        kind_of = type(test)
        if name is None:  # setUpClass and its like
            self.entry(self.prefix, str(test), kind, text)
        else:
            module = self.prefix or kind_of.__module__
            self.entry(f"{module}.{kind_of.__qualname__}", name, kind, text)

    def entry(self, classname: str, name: str, kind: Optional[str] = None, text: str = "") -> None:
        case = ElementTree.SubElement(
            self.suite, "testcase", classname=printable(classname), name=printable(name)
        )
        if kind:
            text = printable(text)[-MAX_TEXT:]
            ElementTree.SubElement(case, kind, message=text.strip()[-200:]).text = text
            if kind != "skipped" and self.prefix:
                sys.stdout.write(f"{kind.upper()}: {classname}::{name}\n{text}\n")

    def write(self, path: str) -> None:
        if os.getpid() == self.pid:
            ElementTree.ElementTree(self.suite).write(path, encoding="utf-8", xml_declaration=True)


def printable(text: str) -> str:
    return "".join(
        c for c in text if c in "\n\t" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe"
    )


def everything() -> List[str]:
    found = []
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(names):
            if name.endswith(".py") and (name.startswith("test") or name.endswith("_test.py")):
                found.append(os.path.relpath(os.path.join(folder, name)))
    return found


def load(path: str) -> unittest.TestSuite:
    folder, name = os.path.split(os.path.abspath(path))
    parts = [name[: -len(".py")]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        parts.insert(0, name)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = sys.modules.get(".".join(parts))
    if known is not None and os.path.abspath(known.__file__ or "") != os.path.abspath(path):
        del sys.modules[".".join(parts)]  # two folders with a file of one name
    return unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(".".join(parts)))


def run_unittest(report: str, limits: Limits, paths: List[str]) -> int:
    told = Report(limits)
    result = unittest.TestResult()
    broken = False
    for path in paths or everything():
        told.prefix = path[: -len(".py")].replace(os.sep, ".")
        try:
            tests = load(path)
        except (Exception, SystemExit):  # a module may do anything at import
            broken = True
            told.entry("", told.prefix, "error", traceback.format_exc())
            continue
        tests.run(result)
    told.write(report)
    sys.stdout.write(f"{result.testsRun} tests run\n")
    return 2 if broken or limits.cut else 0 if result.wasSuccessful() else 1


def run_script(report: str, limits: Limits, script: str, arguments: List[str]) -> int:
    told = Report(limits)
    script = os.path.abspath(script)
    folder = os.path.dirname(script)
    sys.path[0] = folder
    sys.argv = [script, *arguments]
    if os.path.basename(folder) not in ("bin", "scripts", "tools"):
        os.chdir(folder)
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        traceback.print_exc()
        code = 3
    if len(told.suite):
        told.write(report)
    return 2 if limits.cut else code


def run_pytest(report: str, limits: Limits, arguments: List[str]) -> int:
    import pytest

    class Plugin:
        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_setup(self, item: Any) -> Iterator[None]:
            if not limits.begin():
                item.session.shouldstop = "no time is left"
            yield
            limits.done()

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_call(self, item: Any) -> Iterator[None]:
            limits.begin()
            yield
            limits.done()

    # In xdist's workers nobody would see to the limits, nor write a report when they end.
    here = ["-n0"] if importlib.util.find_spec("xdist") else []
    return int(pytest.main(["--junitxml=" + report, *here, *arguments], plugins=[Plugin()]))


def main(kind: str, report: str, seconds: str, each: str, arguments: List[str]) -> int:
    limits = Limits(float(seconds), float(each))
    if kind == "pytest":
        return run_pytest(report, limits, arguments)
    if kind == "script":
        return run_script(report, limits, arguments[0], arguments[1:])
    return run_unittest(report, limits, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
