"""Find what a change removes from existing tests, so that the pull request always states it."""

import ast
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prompts.filters import code
from repository.counts import count
from repository.files import may_hold_tests

_SKIPS = (
    "skip",
    "skipif",
    "skipIf",
    "skipUnless",
    "xfail",
    "expectedFailure",
    "importorskip",
    "skipTest",
)
"""Names in pytest and unittest that skip tests or mark them as expected to fail."""
_ASSERTING_WORDS = re.compile(r"\b(?:assert\w*|expect\w*|should\w*|require)\b")
_SKIPPING_WORDS = re.compile(
    r"\b(?:skip\w*|xfail|xit|xdescribe|expectedFailure|Disabled|Ignore[d]?)\b|\.only\b"
)
_ASSERTING_PREFIXES = ("assert", "fail")
_ASSERTING_CONTEXTS = ("raises", "warns")
_MAX_NAMES = 5
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Test:
    """Counts for one test, one test class, or the module's top level."""

    assertions: int
    skips: int


def describe_weakened_tests(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> tuple[str, ...]:
    """Return a sentence for each test file that loses tests or assertions, or gains skips."""
    sentences: list[str] = []
    for path in sorted(after):
        old = before.get(path)
        new = after[path]
        if old is None or not may_hold_tests(path):
            continue
        if new is None:
            sentences.append(f"{code(path)} is removed")
            continue
        losses = _compare(path, old, new)
        if losses:
            sentences.append(f"{code(path)}: {'; '.join(losses)}")
    return tuple(sentences)


def _compare(path: str, old: str, new: str) -> list[str]:
    if path.endswith(".py"):
        tests_before = _python_tests(old)
        tests_after = _python_tests(new)
        if tests_before is not None and tests_after is not None:
            return _compare_python(tests_before, tests_after)
    return _compare_lines(old, new)


def _compare_python(before: dict[str, _Test], after: dict[str, _Test]) -> list[str]:
    removed: list[str] = []
    weaker: list[str] = []
    skipped: list[str] = []
    for name, old in sorted(before.items()):
        new = after.get(name)
        if new is None:
            removed.append(name)
            continue
        if new.assertions < old.assertions:
            weaker.append(name)
        if new.skips > old.skips:
            skipped.append(name or "the module")
    losses: list[str] = []
    if removed:
        number = count(len(removed), "test")
        losses.append(f"{number} removed or renamed ({_list(removed)})")
    if weaker:
        losses.append(f"fewer assertions in {_list(weaker)}")
    if skipped:
        losses.append(f"now skipped or expected to fail: {_list(skipped)}")
    return losses


def _compare_lines(old: str, new: str) -> list[str]:
    """Compare the numbers of lines that assert or skip, in any language."""
    losses: list[str] = []
    removed = _count_lines(old, _ASSERTING_WORDS) - _count_lines(new, _ASSERTING_WORDS)
    if removed > 0:
        number = count(removed, "line")
        losses.append(f"{number} with assertions removed")
    added = _count_lines(new, _SKIPPING_WORDS) - _count_lines(old, _SKIPPING_WORDS)
    if added > 0:
        number = count(added, "line")
        losses.append(f"{number} with skips added")
    return losses


def _python_tests(text: str) -> dict[str, _Test] | None:
    """Return the tests and classes of a module by qualified name, the module itself under ``""``.

    Return None if the text does not parse.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(text)
        tests = {"": _Test(assertions=0, skips=_count_module_skips(module))}
        _collect(module.body, "", tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tests


def _collect(body: list[ast.stmt], prefix: str, tests: dict[str, _Test]) -> None:
    """Add the tests of a module or class to ``tests``."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            name = f"{prefix}{node.name}"
            tests[name] = _Test(assertions=0, skips=_count_skips(node.decorator_list))
            _collect(node.body, f"{name}.", tests)
        elif isinstance(node, _Function) and node.name.startswith("test"):
            inner = list(ast.walk(node))
            assertions = sum(_is_assertion(child) for child in inner)
            tests[f"{prefix}{node.name}"] = _Test(assertions, _count_skips(inner))


def _count_module_skips(module: ast.Module) -> int:
    """Count the skips outside of classes and functions, such as ``pytestmark``."""
    skips = 0
    for node in module.body:
        if not isinstance(node, ast.ClassDef | _Function):
            skips += _count_skips(ast.walk(node))
    return skips


def _is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = _last_name(node.func)
    return name.startswith(_ASSERTING_PREFIXES) or name in _ASSERTING_CONTEXTS


def _count_skips(nodes: Iterable[ast.AST]) -> int:
    """Count names such as ``pytest.mark.skip`` and ``unittest.skipIf``, and their calls."""
    return sum(_is_skip(node) for node in nodes)


def _is_skip(node: ast.AST) -> bool:
    name = _last_name(node.func if isinstance(node, ast.Call) else node)
    return name in _SKIPS


def _last_name(node: ast.AST) -> str:
    """Return the last part of a dotted name; empty for any other expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return ""


def _count_lines(text: str, words: re.Pattern[str]) -> int:
    matching = [line for line in text.split("\n") if words.search(line)]
    return len(matching)


def _list(names: list[str]) -> str:
    listed = ", ".join(names[:_MAX_NAMES])
    if len(names) > _MAX_NAMES:
        listed += f" and {len(names) - _MAX_NAMES} more"
    return listed
