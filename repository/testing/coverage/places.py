"""The places of a change in source files: what must run for the change to be covered."""

import ast
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from repository.python_source import parse_python

MAX_PLACES = 2_000
"""Of one file; more say nothing more."""
_MAX_SOURCE_BYTES = 1_000_000
_MAX_COMPARED = 4_000_000
"""Pairs of lines; above, all lines between the first and the last difference count as changed."""
_COMMENT_MARKS = ("#", "//", "/*", "*")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """A changed statement or line of a file."""

    path: str
    line: int
    """The first changed line, from 1."""
    lines: frozenset[int]
    """It is covered if one of these lines has run; none: if the file was loaded."""


def changed_places(path: str, old: bytes | None, new: bytes) -> list[Place]:
    """Return the places of a file's new version that differ from the old one (None: it is new).

    Comments, blank lines and docstrings are no places. Where code was only removed, the function
    around it is one.
    """
    if len(new) > _MAX_SOURCE_BYTES:
        return [Place(path, 1, frozenset())]
    before = (old or b"").decode(errors="replace").splitlines()
    after = new.decode(errors="replace").splitlines()
    lines = _changed_lines(before, after)
    if not path.endswith(".py"):
        return [Place(path, line, frozenset({line})) for line in lines if _is_code(after, line)]
    try:
        tree = parse_python(new.decode())
        places = _python_places(path, tree, [line for line in lines if _is_code(after, line)])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Place(path, 1, frozenset())]
    return places[:MAX_PLACES]


def _changed_lines(before: Sequence[str], after: Sequence[str]) -> list[int]:
    """Return the changed lines of ``after``, from 1; where lines were removed, the one before."""
    start = _count_equal(before, after)
    end = _count_equal(before[start:][::-1], after[start:][::-1])
    old = before[start : len(before) - end]
    new = after[start : len(after) - end]
    if not new:
        return [max(1, start)] if old else []
    if len(old) * len(new) > _MAX_COMPARED:
        return list(range(start + 1, start + len(new) + 1))
    changed: list[int] = []
    for tag, _, _, first, last in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if tag == "delete":
            changed.append(max(1, start + first))
        elif tag != "equal":
            changed.extend(range(start + first + 1, start + last + 1))
    return changed


def _count_equal(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines at the start are the same."""
    number = 0
    for line, other_line in zip(one, other, strict=False):
        if line != other_line:
            break
        number += 1
    return number


def _is_code(after: Sequence[str], line: int) -> bool:
    text = after[line - 1].strip() if line <= len(after) else ""
    return bool(text) and not text.startswith(_COMMENT_MARKS)


def _python_places(path: str, tree: ast.Module, changed: Sequence[int]) -> list[Place]:
    places: dict[frozenset[int], Place] = {}
    for line in changed:
        statement = _innermost(tree.body, line)
        if statement is None:
            lines: frozenset[int] = frozenset()
        elif _never_runs(statement):
            continue
        else:
            lines = _lines_of(statement, line)
        places.setdefault(lines, Place(path, line, lines))
    return list(places.values())


def _innermost(body: Sequence[ast.stmt], line: int) -> ast.stmt | None:
    """Return the innermost statement that contains a line."""
    found: ast.stmt | None = None
    remaining = list(body)
    while remaining:
        statement = remaining.pop()
        if _first_line(statement) <= line <= (statement.end_lineno or statement.lineno):
            found = statement
            remaining = list(_inner_statements(statement))
    return found


def _first_line(statement: ast.stmt) -> int:
    decorators: Sequence[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements of all blocks of a compound statement."""
    for block in (statement, *_clauses(statement)):
        for name in ("body", "orelse", "finalbody"):
            yield from getattr(block, name, [])


def _clauses(statement: ast.stmt) -> Sequence[ast.AST]:
    clauses: list[ast.AST] = []
    for name in ("handlers", "cases"):
        clauses += getattr(statement, name, [])
    return clauses


def _never_runs(statement: ast.stmt) -> bool:
    """Whether a statement has no code of its own, such as a docstring."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Global | ast.Nonlocal)


def _lines_of(statement: ast.stmt, line: int) -> frozenset[int]:
    """Return the lines of which one runs if the changed ``line`` of a statement does."""
    inner = sorted(_inner_statements(statement), key=_first_line)
    if not inner:
        return _span(statement)
    if isinstance(statement, _Function):
        # Its first line runs when the module is loaded, not when it is called.
        body = [each for each in inner if not _never_runs(each)] or inner
        return frozenset().union(*(_span(each) for each in body))
    if line < _first_line(inner[0]):
        return frozenset(range(_first_line(statement), _first_line(inner[0])))
    following = [each for each in inner if _first_line(each) > line]
    return frozenset({line}) | (_span(following[0]) if following else _span(statement))


def _span(statement: ast.stmt) -> frozenset[int]:
    return frozenset(range(_first_line(statement), (statement.end_lineno or statement.lineno) + 1))
