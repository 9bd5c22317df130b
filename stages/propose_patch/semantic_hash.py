"""A hash that is equal for changes that differ only in comments, docstrings, layout or tests."""

import ast
import hashlib
from collections.abc import Callable

from repository.testing.folders import Changes

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def semantic_hash(changes: Changes, is_test: Callable[[str], bool]) -> str:
    """Return the hash of the changes without their tests; if there are only tests, of those."""
    sources = {path: data for path, data in changes.items() if not is_test(path)}
    hashed = sources or changes
    digest = hashlib.sha256()
    for path in sorted(hashed):
        content = _normalize(path, hashed[path])
        digest.update(f"{path}\0{content}\0".encode(errors="replace"))
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
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
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
