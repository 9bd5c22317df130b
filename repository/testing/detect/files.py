"""Configuration files of a stranger's repository, read without trust: what can't be read is empty."""

import configparser
import re
from typing import Any

from repository.toml import read_toml


def toml(text: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except ValueError:
        return {}


def ini(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return parser


def table(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def words(value: Any) -> list[str]:
    return (
        value.split()
        if isinstance(value, str)
        else [str(v) for v in value]
        if isinstance(value, list)
        else []
    )


def lines(text: str | None) -> list[str]:
    """tox's and setup.cfg's lists, lines that hold for some environments only left out."""
    found = [line.strip() for line in (text or "").splitlines()]
    return [line for line in found if line and not re.match(r"[\w{},!.-]+:\s", line)]
