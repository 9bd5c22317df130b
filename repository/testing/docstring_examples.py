"""Examples in Python's docstrings, which doctest runs.

Their part of a change can be tried without the rest, as if they were in a file of their own.
"""

import ast
from io import StringIO
from typing import NamedTuple

from repository.python_source import parse_python
from repository.testing.models import TestReport, is_load_error
from repository.testing.places import place_of

_MARK = ">>> "
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_Documented = ast.Module | _Definition


class _Docstring(NamedTuple):
    first_line: int
    """Of a missing docstring, the line before which it belongs. Lines are numbered from 0."""
    end: int
    """The line after it."""
    text: str
    """Its value; empty if it is missing."""


def runs_examples(report: TestReport) -> bool:
    """Whether a report has results of examples in docstrings, which are named by their module."""
    for test in report.results:
        place, _, name = test.partition("::")
        if not is_load_error(test) and f"{name}.".startswith(f"{place_of(place)}."):
            return True
    return False


def take_over_docstrings(old: str, new: str) -> str | None:
    """Return a Python source with the examples of its new version; None if they are the same.

    Those of functions and classes that the old source lacks are left out.
    """
    # Split as Python does, and not at form feeds.
    old_lines = list(StringIO(old, newline=""))
    new_lines = list(StringIO(new, newline=""))
    try:
        old_docstrings = _find_docstrings(parse_python(old), old_lines)
        new_docstrings = _find_docstrings(parse_python(new), new_lines)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = list(old_lines)
    # From the end, so that the numbers of the lines before stay right.
    for name, docstring in sorted(old_docstrings.items(), key=lambda item: -item[1].first_line):
        changed = new_docstrings.get(name)
        if changed is not None and _MARK in changed.text and changed.text != docstring.text:
            text = "".join(new_lines[changed.first_line : changed.end])
            lines[docstring.first_line : docstring.end] = [text.rstrip("\r\n") + "\n"]
    return None if lines == old_lines else "".join(lines)


def _find_docstrings(tree: ast.Module, lines: list[str]) -> dict[str, _Docstring]:
    """Return qualified name -> docstring, of those that have whole lines to themselves."""
    found: dict[str, _Docstring] = {}
    nodes: list[tuple[str, _Documented]] = [("", tree)]
    while nodes:
        name, node = nodes.pop()
        docstring = _docstring_of(node, lines)
        if docstring is not None:
            found[name] = docstring
        for statement in node.body:
            if isinstance(statement, _Definition):
                nodes.append((f"{name}.{statement.name}", statement))
    return found


def _docstring_of(node: _Documented, lines: list[str]) -> _Docstring | None:
    if not node.body:
        return None
    first = node.body[0]
    start = _first_line(first)
    if lines[start][: first.col_offset].strip():
        return None  # on the line of its definition
    text = ast.get_docstring(node, clean=False)
    if text is None:
        return _Docstring(start, start, "")
    end = first.end_lineno or start + 1
    after = lines[end - 1].encode()[first.end_col_offset :]
    if after.strip():
        return None  # another statement is on its last line
    return _Docstring(start, end, text)


def _first_line(statement: ast.stmt) -> int:
    """Return the number of a statement's first line, which may be a decorator's."""
    numbers = [statement.lineno]
    if isinstance(statement, _Definition):
        numbers += [decorator.lineno for decorator in statement.decorator_list]
    return min(numbers) - 1
