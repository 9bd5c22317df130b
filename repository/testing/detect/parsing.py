"""Configuration files of a stranger's repository, read without trust.

What can't be read is empty.
"""

import ast
import configparser
import re
from typing import Any

from repository.toml import read_toml

_CONDITION = re.compile(r"[\w{},!.-]+:\s")
"""What tox puts before a line that holds for some environments only."""


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
    """Return a table within tables; empty where there is none."""
    value: Any = data
    for key in keys:
        if not isinstance(value, dict):
            return {}
        value = value.get(key)
    return value if isinstance(value, dict) else {}


def strings(value: Any) -> list[str]:
    """Return the strings of a list; none where it is no list."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, str)]


def words(value: Any) -> list[str]:
    """Return the words of a text or the items of a list."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [str(item) for item in value]
    return []


def unconditional_lines(text: str | None) -> list[str]:
    """Return the items of a list of tox or setup.cfg, without those for some environments only."""
    items = []
    for line in (text or "").splitlines():
        item = line.strip()
        if item and not _CONDITION.match(item):
            items.append(item)
    return items


def setup_argument(source: str, name: str) -> list[str]:
    """Return a text or a list of texts that a setup.py passes as an argument.

    The file is parsed, never run: only literals are read, and names that a literal is assigned to.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
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
    """Return name -> value last assigned to it."""
    values: dict[str, ast.expr] = {}
    for node in ast.walk(module):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                values[target.id] = node.value
    return values


def _literal_texts(value: ast.expr) -> list[str]:
    """Return a literal text, or those of a literal list."""
    items = [value]
    if isinstance(value, ast.List | ast.Tuple):
        items = value.elts
    texts = []
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            texts.append(item.value)
    return texts
