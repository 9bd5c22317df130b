"""Configuration files of a stranger's repository, read without trust: what can't be read is empty."""

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
        value = value.get(key) if isinstance(value, dict) else None
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
    lines = [line.strip() for line in (text or "").splitlines()]
    return [line for line in lines if line and not _CONDITION.match(line)]


def setup_argument(source: str, name: str) -> list[str]:
    """Return a text or a list of texts that a setup.py passes as an argument.

    The file is parsed, never run: only literals are read, and names that a literal is assigned to.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    nodes = list(ast.walk(module))
    variables: dict[str, ast.expr] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    variables[target.id] = node.value
    texts = []
    for node in nodes:
        if isinstance(node, ast.keyword) and node.arg == name:
            value = node.value
            if isinstance(value, ast.Name):
                value = variables.get(value.id, value)
            texts += _literal_texts(value)
    return texts


def _literal_texts(value: ast.expr) -> list[str]:
    items = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    texts = []
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            texts.append(item.value)
    return texts
