"""Parse untrusted configuration files; anything that can't be parsed counts as empty."""

import ast
import configparser
import json
import re
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from repository.toml import read_toml

_CONDITION = re.compile(r"[\w{},!.-]+:\s")
"""The prefix of a line that applies only to some tox environments."""
_MAX_STRINGS = 500
_MAX_SOURCE = 200_000
"""Characters of a configuration in Python; a megabyte of tiny statements takes minutes to read."""


def parse_toml(text: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except ValueError:
        return {}


def parse_json(text: str) -> dict[str, Any] | None:
    """Return an object, or None; a byte-order mark before it is skipped, as npm does."""
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


class _Parser(configparser.ConfigParser):
    """Distinguishes upper and lower case in names, as pytest, tox and setuptools do."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def parse_ini(text: str) -> configparser.ConfigParser:
    parser = _Parser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    # Before Python 3.13, an indented line after a key without a value is an AttributeError.
    except (configparser.Error, AttributeError):
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
    """Return the syntax tree of a configuration; None if it can't be parsed or is too long."""
    if len(source) > _MAX_SOURCE:
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def setup_argument(source: str, name: str) -> list[str]:
    """Return the string or strings that a setup.py passes as an argument.

    The file is parsed, never run: only literals are read, and variables that hold a literal.
    """
    setup = _read_setup(source)
    texts: list[str] = []
    for value in setup.values.get(name, ()):
        texts += literal_strings(value, setup.variables)
    return texts


def setup_table(source: str, name: str) -> dict[str, list[str]]:
    """Return the dictionary of lists of strings that a setup.py passes as an argument."""
    setup = _read_setup(source)
    table: dict[str, list[str]] = {}
    for value in setup.values.get(name, ()):
        if isinstance(value, ast.Name):
            value = setup.variables.get(value.id, value)
        if not isinstance(value, ast.Dict):
            continue
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                table[key.value] = literal_strings(item, setup.variables)
    return table


@dataclass(frozen=True)
class _Setup:
    """The expressions of a setup.py."""

    values: Mapping[str, list[ast.expr]]
    """Name of an argument, or a dictionary's key -> each value that it has."""
    variables: Mapping[str, ast.expr]


@lru_cache(maxsize=1)
def _read_setup(source: str) -> _Setup:
    values: defaultdict[str, list[ast.expr]] = defaultdict(list)
    module = parse_python(source)
    if module is None:
        return _Setup({}, {})
    for node in ast.walk(module):
        if isinstance(node, ast.keyword) and node.arg:
            values[node.arg].append(node.value)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    values[key.value].append(value)
    return _Setup(values, module_variables(module))


def module_variables(module: ast.AST) -> dict[str, ast.expr]:
    """Return name -> last assigned value, at any depth."""
    values: dict[str, ast.expr] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            values[node.target.id] = node.value
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                values[target.id] = node.value
    return values


def literal_strings(value: ast.expr, variables: Mapping[str, ast.expr]) -> list[str]:
    """Return the strings in an expression of literals, lists, sums and variables.

    They are the first ones of very many.
    """
    texts: list[str] = []
    pending: deque[ast.expr] = deque([value])
    used: set[str] = set()
    while pending and len(texts) < _MAX_STRINGS:
        item = pending.popleft()
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            texts.append(item.value)
        elif isinstance(item, ast.List | ast.Tuple | ast.Set):
            pending.extendleft(reversed(item.elts[:_MAX_STRINGS]))
        elif isinstance(item, ast.Starred):
            pending.appendleft(item.value)
        elif isinstance(item, ast.BinOp) and isinstance(item.op, ast.Add):
            pending.extendleft([item.right, item.left])
        elif isinstance(item, ast.Name) and item.id in variables and item.id not in used:
            used.add(item.id)
            pending.appendleft(variables[item.id])
    return texts
