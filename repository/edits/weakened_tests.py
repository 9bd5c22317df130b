"""What a proposal takes from the tests that were there: said in the pull request, never kept quiet."""

import ast
import re
import warnings
from collections.abc import Iterator, Mapping

from repository.files import may_hold_tests

_SKIPS = re.compile(
    r"(?:^|\.)(?:skip|skipif|skipIf|skipUnless|xfail|expectedFailure|importorskip|skipTest)$"
)
_ASSERTS = re.compile(r"\b(?:assert\w*|expect\w*|should\w*|require)\b")
_SKIP_WORDS = re.compile(
    r"\b(?:skip\w*|xfail|xit|xdescribe|expectedFailure|Disabled|Ignore[d]?)\b|\.only\b"
)


def weakened(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> tuple[str, ...]:
    """A sentence for each test file that loses tests or assertions, or gains skips."""
    told = []
    for path in sorted(after):
        old = before.get(path)
        new = after[path]
        if old is None or not may_hold_tests(path):
            continue
        if new is None:
            told.append(f"{path} is removed")
        elif said := list(_python(old, new) if path.endswith(".py") else _any(old, new)):
            told.append(f"{path}: {'; '.join(said)}")
    return tuple(told)


def _python(old: str, new: str) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            had = _tests(ast.parse(old))
            has = _tests(ast.parse(new))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _any(old, new)
        return
    if gone := sorted(had.keys() - has.keys()):
        yield f"{_number(len(gone), 'test')} taken out or renamed ({_listed(gone)})"
    if fewer := sorted(name for name in had.keys() & has.keys() if has[name][0] < had[name][0]):
        yield f"fewer assertions in {_listed(fewer)}"
    if skipped := sorted(
        name
        for name in has
        if has[name][1] > had.get(name, (0, 0))[1] and (name in had or not name)
    ):
        yield (
            "skipped or expected to fail now:"
            f" {_listed([name or 'the module' for name in skipped])}"
        )


def _tests(tree: ast.Module) -> dict[str, tuple[int, int]]:
    """Qualified name of a test or test class ('' for the module) -> (assertions, skips) in it."""
    found: dict[str, tuple[int, int]] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                found[f"{prefix}{node.name}"] = (0, sum(map(_is_skip, node.decorator_list)))
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                "test"
            ):
                inner = list(ast.walk(node))
                asserts = sum(
                    isinstance(n, ast.Assert) or (isinstance(n, ast.Call) and _asserts(n))
                    for n in inner
                )
                found[f"{prefix}{node.name}"] = (
                    asserts,
                    sum(_is_skip(n) for n in inner if isinstance(n, ast.expr)),
                )

    visit(tree.body, "")
    loose = [
        n
        for node in tree.body
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for n in ast.walk(node)
        if isinstance(n, ast.expr)
    ]
    found[""] = (0, sum(map(_is_skip, loose)))
    return found


def _asserts(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return str(name).startswith(("assert", "fail")) or name in ("raises", "warns")


def _is_skip(node: ast.expr) -> bool:
    """A name such as pytest.mark.skip or unittest.skipIf; a call of it holds it as a part."""
    node = node.func if isinstance(node, ast.Call) else node
    if isinstance(node, ast.Attribute):
        return bool(_SKIPS.search(f".{node.attr}"))
    return isinstance(node, ast.Name) and bool(_SKIPS.search(node.id))


def _any(old: str, new: str) -> Iterator[str]:
    """For any language: lines that assert, or skip, counted."""
    had, has = (
        [
            sum(bool(word.search(line)) for line in text.split("\n"))
            for word in (_ASSERTS, _SKIP_WORDS)
        ]
        for text in (old, new)
    )
    if has[0] < had[0]:
        yield f"{_number(had[0] - has[0], 'line')} that assert fewer"
    if has[1] > had[1]:
        yield f"{_number(has[1] - had[1], 'line')} that skip more"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
