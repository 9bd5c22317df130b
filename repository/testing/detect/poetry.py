"""Poetry's dependencies as requirements of the standard (PEP 508)."""

import re
from collections.abc import Iterable
from typing import Any

from repository.testing.detect.parsing import strings

#: A part of one of Poetry's version constraints.
_POETRY_PART = re.compile(
    r"(\^|~(?!=)|==|!=|>=|<=|~=|>|<|=|)\s*v?(\d\w*(?:[.+!-]\w+)*(?:\.\*)?|\*)"
)
_MAX_CONSTRAINT = 200
_OPERATORS = {"": "==", "=": "=="}


def poetry_requirements(packages: dict[str, Any]) -> list[str]:
    """Return a table of Poetry's dependencies as requirements of the standard (PEP 508).

    Optional packages and those from a path, git or an address are left out. See
    https://python-poetry.org/docs/dependency-specification/.
    """
    lines: list[str] = []
    for name, stated in packages.items():
        if name == "python":
            continue
        alternatives = stated if isinstance(stated, list) else [stated]
        for alternative in alternatives:
            line = _poetry_requirement(name, alternative)
            if line is not None:
                lines.append(line)
    return lines


def _poetry_requirement(name: str, stated: Any) -> str | None:
    if isinstance(stated, str):
        return name + _specifiers(stated)
    if not isinstance(stated, dict):
        return None
    version = stated.get("version")
    if stated.get("optional") is True or not isinstance(version, str):
        return None
    extras = strings(stated.get("extras"))
    line = f"{name}[{','.join(extras)}]" if extras else name
    line += _specifiers(version)
    markers = _markers(stated)
    if markers:
        line += f"; {' and '.join(markers)}"
    return line


def _markers(stated: dict[str, Any]) -> list[str]:
    markers: list[str] = []
    if isinstance(stated.get("markers"), str):
        markers.append(f"({stated['markers']})")
    python = stated.get("python")
    if isinstance(python, str):
        for specifier in filter(None, _specifiers(python).split(",")):
            operator, version = _split(specifier)
            markers.append(f"python_full_version {operator} '{version}'")
    platform = stated.get("platform")
    if isinstance(platform, str):
        markers.append(f"sys_platform == '{platform}'")
    return markers


def _split(specifier: str) -> tuple[str, str]:
    operator = specifier.rstrip("0123456789.*abcrpostdev+!")
    return operator, specifier[len(operator) :]


def _specifiers(constraint: str) -> str:
    """Return a constraint as specifiers; of alternatives (``||``), the last.

    One that is too long says nothing.
    """
    last = constraint.split("||")[-1]
    if len(last) > _MAX_CONSTRAINT:
        return ""
    specifiers: list[str] = []
    for operator, version in _POETRY_PART.findall(last):
        specifiers += _standard_specifiers(operator, version)
    return ",".join(specifiers)


def _standard_specifiers(operator: str, version: str) -> Iterable[str]:
    if version == "*":
        return []
    if operator == "^":
        return [f">={version}", f"<{_next_version(version, _first_nonzero(version))}"]
    if operator == "~":
        return [f">={version}", f"<{_next_version(version, min(1, version.count('.')))}"]
    return [_OPERATORS.get(operator, operator) + version]


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _first_nonzero(version: str) -> int:
    """Return the place of the first number that is not zero, else of the last."""
    numbers = _numbers(version)
    for place, number in enumerate(numbers):
        if number:
            return place
    return len(numbers) - 1


def _next_version(version: str, place: int) -> str:
    numbers = _numbers(version)[: place + 1]
    numbers[-1] += 1
    return ".".join(str(number) for number in numbers)
