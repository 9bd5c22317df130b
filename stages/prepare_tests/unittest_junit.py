# ruff: noqa: UP006, UP035, UP045, PTH100, PTH110, PTH118 - it must run on old Pythons
"""Runs unittest's tests and writes JUnit XML. It runs inside the sandbox, passed by ``-c``, on any Python from 3.6 on.

Arguments: the report's path, then test files relative to the current folder; none: every test*.py and *_test.py there.
Ends with 0 (green), 1 (red) or 2 (a file could not be imported).
"""

import importlib
import os
import sys
import traceback
import unittest
from typing import Any, List, Optional, Tuple
from xml.etree import ElementTree


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


class Result(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.suite, self.prefix = ElementTree.Element("testsuite"), ""

    def entry(self, classname: str, name: str, kind: Optional[str] = None, text: str = "") -> None:
        case = ElementTree.SubElement(self.suite, "testcase", classname=classname, name=name)
        if kind:
            ElementTree.SubElement(case, kind, message=printable(text)[:200]).text = printable(text)
            if kind != "skipped":
                sys.stdout.write(f"{kind.upper()}: {classname}::{name}\n{text}\n")

    def named(self, test: Any) -> Tuple[str, str]:
        method = getattr(test, "_testMethodName", None)
        if method is None:  # setUpClass and its like
            return self.prefix, str(test)
        return f"{self.prefix}.{type(test).__qualname__}", method

    def tell(self, test: Any, kind: Optional[str] = None, text: str = "") -> None:
        classname, name = self.named(getattr(test, "test_case", test))
        self.entry(classname, name, kind, text)

    def addSuccess(self, test: Any) -> None:
        self.tell(test)

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self.tell(test, "error", self.errors[-1][1])

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self.tell(test, "failure", self.failures[-1][1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.tell(test, "failure", "".join([f"{subtest}\n", *traceback.format_exception(*err)]))

    def addSkip(self, test: Any, reason: str) -> None:
        self.tell(test, "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.tell(test, "skipped", "expected failure")

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self.tell(test, "failure", "unexpected success")


def printable(text: str) -> str:
    return "".join(c for c in text if c in "\n\t" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe")


def main(report: str, paths: List[str]) -> int:
    result, broken = Result(), False
    for path in paths or everything():
        result.prefix = path[: -len(".py")].replace(os.sep, ".")
        try:
            tests = load(path)
        except (Exception, SystemExit):  # a module may do anything at import
            broken = True
            result.entry("", result.prefix, "error", traceback.format_exc())
            continue
        tests.run(result)
    ElementTree.ElementTree(result.suite).write(report, encoding="utf-8", xml_declaration=True)
    sys.stdout.write(f"{result.testsRun} tests run\n")
    return 2 if broken else 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
