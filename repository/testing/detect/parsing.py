"""Parse untrusted configuration files; anything that can't be parsed counts as empty."""

import ast
import configparser
import re
from typing import Any

from repository.toml import read_toml

_CONDITION = re.compile(r"[\w{},!.-]+:\s")
"""The prefix of a line that applies only to some tox environments."""


def parse_toml(text: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except ValueError:
        return {}


def parse_ini(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return parser


def table(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return a nested table, or an empty one if there is none."""
    value: Any = data
    for key in keys:
        if not isinstance(value, dict):
            return {}
        value = value.get(key)
    return value if isinstance(value, dict) else {}


def strings(value: Any) -> list[str]:
    """Return the strings in a list; empty if ``value`` is not a list."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, str)]


def words(value: Any) -> list[str]:
    """Return the words of a string or the items of a list."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [str(item) for item in value]
    return []


def unconditional_lines(text: str | None) -> list[str]:
    """Return the items of a list in tox.ini or setup.cfg that apply to all environments."""
    items = []
    for line in (text or "").splitlines():
        item = line.strip()
        if item and not _CONDITION.match(item):
            items.append(item)
    return items


def parse_python(source: str) -> ast.Module | None:
    """Return the module, which is not run; None if this Python can't parse it."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def setup_argument(source: str, name: str) -> list[str]:
    """Return the string or strings that a setup.py passes as an argument.

    The file is parsed, never run: only literals are read, and variables that hold a literal.
    """
    module = parse_python(source)
    if module is None:
        return []
    variables = _variables(module)
    texts = []
    for node in ast.walk(module):
        if not isinstance(node, ast.keyword) or node.arg != name:
            continue
        value = node.value
        if isinstance(value, ast.Name):
            value = variables.get(value.id, value)
        texts += _literal_texts(value)
    return texts


def _variables(module: ast.Module) -> dict[str, ast.expr]:
    """Return name -> last assigned value."""
    values: dict[str, ast.expr] = {}
    for node in ast.walk(module):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                values[target.id] = node.value
    return values


def _literal_texts(value: ast.expr) -> list[str]:
    """Return a literal string, or the strings in a literal list."""
    items = [value]
    if isinstance(value, ast.List | ast.Tuple):
        items = value.elts
    texts = []
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            texts.append(item.value)
    return texts
