"""tox's names of environments and the conditions on their factors.

The Python in use is not known when a configuration is read: factors such as ``py310`` become
environment markers.
"""

import re
from collections.abc import Collection, Iterator
from itertools import islice, product

MAX_NAMES = 300
_BRACES = re.compile(r"\{([^{}]{0,200})\}")
_MAX_LENGTH = 20_000
_RANGE = re.compile(r"(\d{1,2})-(\d{1,2})")
_PYTHON = re.compile(r"(?:py|python|cpython)?3\.?(\d{1,2})")
_ANY_PYTHON = frozenset({"py", "py3", "python", "python3"})
_OTHER_PYTHON = re.compile(r"(?:py|python)2\.?\d?|pypy[\d.]*|jython\d*")


def expand_names(text: str) -> list[str]:
    """Return the names in a list; ``py{38,39}-{a,b}`` stands for four, ``py3{8-10}`` for three."""
    names: dict[str, None] = {}
    for item in _items(text[:_MAX_LENGTH]):
        for name in _expand(item):
            names[name] = None
            if len(names) >= MAX_NAMES:
                return list(names)
    return list(names)


def _items(text: str) -> Iterator[str]:
    """Yield the items between commas and white space, except for those in braces."""
    item = ""
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth <= 0 and (character == "," or character.isspace()):
            yield item
            item = ""
        elif not character.isspace():
            item += character
    yield item


def _expand(item: str) -> list[str]:
    """Return every combination of the alternatives in braces."""
    parts: list[list[str]] = []
    for place, part in enumerate(_BRACES.split(item)):
        # The pattern has one group: every second part is the content of braces.
        parts.append(_alternatives(part) if place % 2 else [part])
    names = ("".join(combination) for combination in islice(product(*parts), MAX_NAMES))
    return [name.strip("-") for name in names if name.strip("-")]


def _alternatives(text: str) -> list[str]:
    alternatives: list[str] = []
    for option in text.split(","):
        numbers = _RANGE.fullmatch(option.strip())
        if numbers is None:
            alternatives.append(option.strip())
        else:
            first, last = int(numbers[1]), int(numbers[2])
            alternatives += [str(number) for number in range(first, last + 1)]
    return alternatives


def is_python(factor: str) -> bool:
    """Whether a factor stands for an interpreter."""
    return is_cpython(factor) or _OTHER_PYTHON.fullmatch(factor) is not None


def is_cpython(factor: str) -> bool:
    """Whether a factor stands for CPython 3."""
    return factor in _ANY_PYTHON or _PYTHON.fullmatch(factor) is not None


def condition_marker(condition: str, factors: Collection[str]) -> str | None:
    """Return when a condition holds: a marker, empty for always; None for never.

    Args:
        condition: Such as ``py36,py37-lowest`` or ``!py27``: alternatives of combined factors.
        factors: The factors of the environment, other than interpreters.
    """
    markers: list[str] = []
    for alternative in expand_names(condition):
        marker = _combination_marker(alternative.split("-"), factors)
        if marker == "":
            return ""
        if marker is not None:
            markers.append(marker)
    return " or ".join(markers) if markers else None


def _combination_marker(stated: list[str], factors: Collection[str]) -> str | None:
    markers: list[str] = []
    for factor in stated:
        name = factor.removeprefix("!")
        is_negated = factor != name
        if not is_python(name):
            if (name in factors) == is_negated:
                return None
            continue
        marker = _python_marker(name, is_negated)
        if marker is None:
            return None
        markers += filter(None, [marker])
    return " and ".join(markers)


def _python_marker(name: str, is_negated: bool) -> str | None:
    version = _PYTHON.fullmatch(name)
    if version is not None and name not in _ANY_PYTHON:
        operator = "!=" if is_negated else "=="
        return f"python_version {operator} '3.{version[1]}'"
    holds = name in _ANY_PYTHON
    return "" if holds != is_negated else None
