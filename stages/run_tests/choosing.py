"""Which of several candidates is taken: what the tests prove, then what most of them agree on, then
the smallest.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.outcome import Verification

_BEST = (Verification.RED_TO_GREEN, Verification.SUITE_PASSES, Verification.NOT_VERIFIED)


@dataclass(frozen=True)
class Contender:
    """A candidate under which no test fails that passed before."""

    number: int
    """Index into Candidates.candidates."""
    reproduced: bool
    """The reproduction test passes with it; True, too, where there is none."""
    verification: Verification
    mended: int
    """Tests that failed on the base commit and pass."""
    meaning: str
    size: int
    """Bytes of the patch."""


def choose(contenders: Sequence[Contender]) -> Contender:
    """Regressions are out already; then the reproduction test, what else is proven, the majority,
    the smallest.
    """
    votes = Counter(contender.meaning for contender in contenders)
    return min(
        contenders,
        key=lambda c: (
            not c.reproduced,
            _BEST.index(c.verification),
            -c.mended,
            -votes[c.meaning],
            c.size,
            c.number,
        ),
    )


def meaning(changes: Mapping[str, bytes | None], is_test: Callable[[str], bool]) -> str:
    """A hash that two changes share where they say the same: comments, docstrings, layout and their
    tests left out.
    """
    chosen = {path: data for path, data in changes.items() if not is_test(path)} or changes
    digest = hashlib.sha256()
    for path in sorted(chosen):
        digest.update(f"{path}\0{_normal(path, chosen[path])}\0".encode(errors="replace"))
    return digest.hexdigest()


def _normal(path: str, data: bytes | None) -> str:
    if data is None:
        return "removed"
    text = data.decode(errors="replace")
    if path.endswith(".py"):
        try:
            return ast.dump(_without_docstrings(ast.parse(text)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # compared as any other text
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return tree
