"""A hash that is equal for changes that differ only in comments, docstrings, layout or tests."""

import ast
import hashlib
from collections.abc import Callable

from repository.testing.folders import Changes

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def semantic_hash(changes: Changes, is_test: Callable[[str], bool]) -> str:
    """Return the hash of the changes without their tests; if there are only tests, of those."""
    sources = [path for path in changes if not is_test(path)]
    digest = hashlib.sha256()
    for path in sorted(sources or changes):
        content = _normalize(path, changes[path])
        hashed = f"{path}\0{content}\0"
        digest.update(hashed.encode(errors="replace"))
    return digest.hexdigest()


def _normalize(path: str, data: bytes | None) -> str:
    if data is None:
        return "removed"
    text = data.decode(errors="replace")
    if path.endswith(".py"):
        try:
            return _normalize_python(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # compared as any other text
    return _normalize_layout(text)


def _normalize_layout(text: str) -> str:
    """Return the text without blank lines, each other blank reduced to one space."""
    lines: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if words:
            lines.append(" ".join(words))
    return "\n".join(lines)


def _normalize_python(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and node.body and _is_docstring(node.body[0]):
            del node.body[0]
    return ast.dump(tree)


def _is_docstring(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)
