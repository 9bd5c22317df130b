"""Resolve SWE-bench's test names, in all their forms, to report ids and files."""

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from repository.testing.models import FROM_BEST_TO_WORST, Status

#: unittest prints a test as ``test_x (module.Class)``; since Python 3.11, as ``test_x
#: (module.Class.test_x)``.
_UNITTEST = re.compile(r"(\w+) \(([\w.]+)\)")


class TestFinder:
    """Finds listed names in the results of a report.

    The lists were extracted from logs. So a name may be a pytest node id, unittest's ``test_x
    (module.Class)``, a function's bare name, or the first line of a test's docstring. A node id
    that was cut off at its first space stands for every test that starts with it.
    """

    __test__ = False

    def __init__(
        self, results: Mapping[str, Status], docstrings: Mapping[str, Collection[str]] | None = None
    ):
        """``docstrings``: first line of a docstring -> ``Class::test_x`` of its tests."""
        self._results = results
        self._docstrings = docstrings or {}
        self._by_cut_id: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for test in results:
            self._index(test)

    def ids(self, listed: str) -> list[str]:
        """Return the report ids of the tests that a listed name refers to."""
        if "::" in listed:
            return self._ids_of_node(listed)
        if match := _UNITTEST.fullmatch(listed):
            name = match[1]
            return self._ids_in(name, match[2].removesuffix(f".{name}"))
        if re.fullmatch(r"\w+", listed) and listed in self._by_name:
            return self._by_name[listed]
        return self._ids_by_docstring(listed)

    def status(self, listed: str) -> Status | None:
        """Return the worst status of the tests that a name refers to, or None if there is none."""
        statuses = [self._results[test] for test in self.ids(listed)]
        return max(statuses, key=FROM_BEST_TO_WORST.index, default=None)

    def _ids_of_node(self, node_id: str) -> list[str]:
        for test in (junit_id(node_id), _old_junit_id(node_id)):
            if test in self._results:
                return [test]
            if test in self._by_cut_id:
                return self._by_cut_id[test]
        return []

    def _ids_by_docstring(self, line: str) -> list[str]:
        tests: list[str] = []
        for described in self._docstrings.get(line, ()):
            place, _, name = described.partition("::")
            own = self._ids_in(name, place)
            if own:
                tests += own
            else:  # a mixin's test is run by the classes that inherit it
                tests += self._by_name.get(name, [])
        return tests

    def _index(self, test: str) -> None:
        if " " in test:
            cut_id, _ = test.split(" ", 1)
            self._by_cut_id.setdefault(cut_id, []).append(test)
        _, _, name_and_parameters = test.partition("::")
        name, _, _ = name_and_parameters.partition("[")
        self._by_name.setdefault(name, []).append(test)

    def _ids_in(self, name: str, place: str) -> list[str]:
        """Return tests with this name in a class or module; reports may prefix folders to it."""
        tests: list[str] = []
        for test in self._by_name.get(name, ()):
            class_name, _, _ = test.partition("::")
            if class_name == place or class_name.endswith(f".{place}"):
                tests.append(test)
        if "." in place:
            return tests[:1]
        return tests


def junit_id(node_id: str) -> str:
    """Convert a pytest node id (``p/test_x.py::TestA::test_b[c]``) to the report's id.

    That is ``p.test_x.TestA::test_b[c]``.
    """
    path, _, rest = node_id.partition("::")
    head, bracket, parameters = rest.partition("[")
    *classes, name = head.split("::")
    module = re.sub(r"\.py$", "", path).replace("/", ".")
    class_name = ".".join([module, *classes])
    return f"{class_name}::{name}{bracket}{parameters}"


def _old_junit_id(node_id: str) -> str:
    """Convert a node id as old pytests (such as 2.8) do, which also split parameters at ``::``."""
    path, *classes, name = re.sub(r"\.py::", "::", node_id, count=1).split("::")
    class_name = ".".join([path.replace("/", "."), *classes])
    return f"{class_name}::{name}"


def index_docstrings(sources: Iterable[str]) -> dict[str, set[str]]:
    """Return first line of a docstring -> ``Class::test_x``; unittest prints it as the name."""
    tests: dict[str, set[str]] = {}
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                _add_docstrings(node, tests)
    return tests


def _add_docstrings(class_: ast.ClassDef, tests: dict[str, set[str]]) -> None:
    for node in class_.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if not text:
            continue
        first_line, _, _ = text.strip().partition("\n")
        described = tests.setdefault(first_line.strip(), set())
        described.add(f"{class_.name}::{node.name}")


def files_of(listed: Iterable[str], paths: Collection[str]) -> list[str]:
    """Return the files of the listed tests that are among ``paths``."""
    by_name: dict[str, list[str]] = {}
    for path in paths:
        name = PurePosixPath(path).name
        by_name.setdefault(name, []).append(path)
    files: list[str] = []
    for test in listed:
        file = _file_of(test, by_name)
        if file is not None and file in paths:
            files.append(file)
    return list(dict.fromkeys(files))


def _file_of(listed: str, by_name: Mapping[str, list[str]]) -> str | None:
    if "::" in listed:
        path, _, _ = listed.partition("::")
        return path
    match = _UNITTEST.fullmatch(listed)
    if match is None:
        return None
    return _module_of(match[2], by_name)


def _module_of(dotted_name: str, by_name: Mapping[str, list[str]]) -> str | None:
    """Return the file of the longest prefix of a dotted name that is a module."""
    parts = dotted_name.split(".")
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length])
        for file in (f"{path}.py", f"{path}/__init__.py"):
            same_name = by_name.get(PurePosixPath(file).name, [])
            matches = [match for match in same_name if f"/{match}".endswith(f"/{file}")]
            if matches:
                return min(matches, key=len)
    return None
