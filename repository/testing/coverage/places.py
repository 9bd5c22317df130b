"""The places of a change in source files: what must run for the change to be covered."""

import ast
import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from repository.python_source import parse_python

MAX_PLACES = 2_000
"""Of one file; more say nothing more."""
_MAX_SOURCE_BYTES = 1_000_000
_MAX_COMPARED = 4_000_000
"""Pairs of lines; above, all lines between the first and the last difference count as changed."""
_COMMENT = re.compile(r"//|/\*|\*/|\*(?=\s|$)")
"""Where a line of another language than Python has no code; ``*p = 1`` is code."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_IsCode = Callable[[str], bool]


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

    Comments, blank lines and docstrings are no places. Where code was only removed, the statement
    before it is one.
    """
    if len(new) > _MAX_SOURCE_BYTES:
        return [Place(path, 1, frozenset())]
    before = (old or b"").decode(errors="replace").splitlines()
    after = new.decode(errors="replace").splitlines()
    is_code = _is_python if path.endswith(".py") else _is_other_code
    if any(map(is_code, before)) and not any(map(is_code, after)):
        return [Place(path, 1, frozenset())]
    lines = _changed_lines(before, after, is_code)
    if not path.endswith(".py"):
        return [Place(path, line, frozenset({line})) for line in lines[:MAX_PLACES]]
    try:
        places = _python_places(path, parse_python(new.decode()), lines)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Place(path, 1, frozenset())]
    return places[:MAX_PLACES]


def _changed_lines(before: Sequence[str], after: Sequence[str], is_code: _IsCode) -> list[int]:
    """Return the changed lines of ``after`` with code, from 1; where code was removed, the line of
    code before it."""
    changed: dict[int, None] = {}
    for old, new in _differences(before, after):
        lines = [number for number in new if is_code(after[number - 1])]
        if not lines and any(is_code(before[number - 1]) for number in old):
            lines = _nearest_code(after, new.start, is_code)
        changed.update(dict.fromkeys(lines))
    return list(changed)


def _differences(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[range, range]]:
    """Yield the numbers, from 1, of lines that differ: the old ones and the new ones."""
    start = _count_equal(before, after)
    end = _count_equal(before[start:][::-1], after[start:][::-1])
    old = before[start : len(before) - end]
    new = after[start : len(after) - end]
    if len(old) * len(new) > _MAX_COMPARED:
        yield range(start + 1, start + len(old) + 1), range(start + 1, start + len(new) + 1)
        return
    matcher = difflib.SequenceMatcher(None, old, new)
    for tag, old_first, old_last, first, last in matcher.get_opcodes():
        if tag != "equal":
            yield (
                range(start + old_first + 1, start + old_last + 1),
                range(start + first + 1, start + last + 1),
            )


def _nearest_code(lines: Sequence[str], number: int, is_code: _IsCode) -> list[int]:
    """Return the last line of code before a number, or else the first one from it on."""
    earlier = range(min(number - 1, len(lines)), 0, -1)
    later = range(number, len(lines) + 1)
    for nearest in (*earlier, *later):
        if is_code(lines[nearest - 1]):
            return [nearest]
    return []


def _count_equal(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines at the start are the same."""
    number = 0
    for line, other_line in zip(one, other, strict=False):
        if line != other_line:
            break
        number += 1
    return number


def _is_python(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith("#")


def _is_other_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and _COMMENT.match(text) is None


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
