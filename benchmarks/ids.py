"""SWE-bench's names of tests, in all their forms, among the ids of a report; and the files that
hold them.
"""

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from repository.testing.models import Status
from repository.testing.run.reports.junit import junit_id

#: As unittest prints a test: ``test_x (module.Class)``, from Python 3.11 on ``test_x
#: (module.Class.test_x)``.
_UNITTEST = re.compile(r"(\w+) \(([\w.]+)\)")


class Found:
    """Finds listed names among results. The lists were read out of logs, so a name may be a pytest node id, unittest's
    ``test_x (module.Class)``, a bare function's name, or the first line of a test's docstring; and what follows the
    first space of a node id is cut off: such an id stands for every test that begins so."""

    _WORST: tuple[Status, ...] = ("passed", "skipped", "failed", "error")

    def __init__(
        self, results: Mapping[str, Status], docstrings: Mapping[str, Collection[str]] | None = None
    ):
        """``docstrings``: first line -> ``Class::test_x`` of the tests that have it."""
        self._results = results
        self._docstrings = docstrings or {}
        self._cut: dict[str, list[str]] = {}
        self._named: dict[str, list[str]] = {}
        for test in results:
            if " " in test:
                self._cut.setdefault(test.split(" ", 1)[0], []).append(test)
            self._named.setdefault(test.partition("::")[2].partition("[")[0], []).append(test)

    def ids(self, listed: str) -> list[str]:
        if "::" in listed:
            for test in (junit_id(listed), _old_junit_id(listed)):
                if found := [test] if test in self._results else self._cut.get(test, []):
                    return found
            return []
        if parts := _UNITTEST.fullmatch(listed):
            name, place = parts.groups()
            return self._ending(name, place.removesuffix(f".{name}"))
        if re.fullmatch(r"\w+", listed) and listed in self._named:
            return self._named[listed]
        found: list[str] = []
        for place, _, name in (
            where.partition("::") for where in self._docstrings.get(listed) or ()
        ):
            found += self._ending(name, place) or self._named.get(
                name, []
            )  # a mixin's is run by classes that inherit it
        return found

    def _ending(self, name: str, place: str) -> list[str]:
        """Tests of this name in that place, whatever folders a report puts before it."""
        found = [
            test
            for test in self._named.get(name, ())
            if f".{test.partition('::')[0]}".endswith(f".{place}")
        ]
        return found if "." not in place else found[:1]

    def status(self, listed: str) -> Status | None:
        """The worst of the tests that it stands for; None where there is none."""
        return max(
            (self._results[test] for test in self.ids(listed)), key=self._WORST.index, default=None
        )


def described(sources: Iterable[str]) -> dict[str, set[str]]:
    """First line of a test's docstring -> ``Class::test_x``; unittest prints it in place of the
    name.
    """
    found: dict[str, set[str]] = {}
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        for holder in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            for node in holder.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                    text := ast.get_docstring(node)
                ):
                    line = text.strip().split("\n")[0].strip()
                    found.setdefault(line, set()).add(f"{holder.name}::{node.name}")
    return found


def files_of(listed: Iterable[str], paths: Collection[str]) -> list[str]:
    """The files that the names speak of, of ``paths``."""
    found: dict[str, None] = {}
    ending: dict[str, list[str]] = {}
    for path in paths:
        ending.setdefault(PurePosixPath(path).name, []).append(path)
    for test in listed:
        if "::" in test:
            found[test.partition("::")[0]] = None
        elif parts := _UNITTEST.fullmatch(test):
            found |= dict.fromkeys(_module(parts[2].split("."), ending))
    return [path for path in found if path in paths]


def _module(parts: list[str], ending: Mapping[str, list[str]]) -> list[str]:
    """The module of a dotted name that goes on into it: the longest that is a file."""
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length])
        for wanted in (f"{path}.py", f"{path}/__init__.py"):
            if there := [
                p
                for p in ending.get(wanted.rsplit("/", 1)[-1], ())
                if f"/{p}".endswith(f"/{wanted}")
            ]:
                return [min(there, key=len)]
    return []


def _old_junit_id(node_id: str) -> str:
    """As old pytests (2.8, for one) tell it: parted at each ``::``, in parameters too."""
    *above, name = re.sub(r"\.py::", "::", node_id, count=1).split("::")
    return f"{'.'.join([above[0].replace('/', '.'), *above[1:]])}::{name}"
