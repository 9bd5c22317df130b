"""Read the variables that a deployment's bill depends on from a .tfvars file."""

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tools.deployment import Architecture, Deployment, DnsFirewall, Nat, WafRules

#: NAME = VALUE, where the value is a string or a single word; references are not values.
_ASSIGNMENT = re.compile(
    r"""\s*(\w+)\s*=\s*
        ("[^"]*"|(?!var\.|local\.)[\w.+-]+)
        \s*(?:(?:\#|//).*)?""",
    re.VERBOSE,
)
_CHOICES = {
    "architecture": get_args(Architecture),
    "nat": get_args(Nat),
    "waf_managed_rules": get_args(WafRules),
    "dns_firewall": get_args(DnsFirewall),
}
_NIGHT = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


def _types() -> dict[str, type]:
    """Return bool, str or float for each variable that has a price."""
    types: dict[str, type] = {}
    for name, hint in get_type_hints(Deployment).items():
        choices = get_args(hint) or (hint,)
        first = choices[0]
        types[name] = str if isinstance(first, str) else first
    return types


TYPES = _types()


class InvalidVariables(ValueError):
    """The file can't be used. The text says which value is wrong, in which line, and what is
    allowed.
    """


def read_deployment(path: Path) -> Deployment:
    """Return the deployment that a .tfvars file, or the module block of a root module, describes.
    Variables that have no price are ignored.

    Raises:
        InvalidVariables: the file is unreadable, or a value that the bill depends on is wrong.
    """
    values: dict[str, Any] = {}
    for number, match in _assignments(path):
        if match[1] not in TYPES or match[2] == "null":
            continue
        name = match[1]
        try:
            values[name] = parse_value(match[2], TYPES[name])
        except ValueError as error:
            raise InvalidVariables(f"{path}, line {number}: {name} {error}") from None
    deployment = Deployment(**values)
    _check(deployment, path)
    return deployment


def parse_value(text: str, kind: type) -> bool | str | float:
    """Parse a value of a .tfvars file.

    Raises:
        ValueError: the value is not of this kind; the text continues a sentence that begins with
            the variable's name.
    """
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"is {text}; it may be true or false")
        return text == "true"
    if kind is str:
        return text.strip('"')
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"is {text}, which is not a number") from None
    if not 0 <= number < 1e9:
        raise ValueError(f"is {text}; it must be 0 or more")
    return number


def _assignments(path: Path) -> list[tuple[int, re.Match[str]]]:
    """Return the lines NAME = VALUE with their numbers.

    Raises:
        InvalidVariables: the file is unreadable, or has text but no such line.
    """
    lines = _lines(path)
    assignments = []
    for number, line in enumerate(lines, 1):
        match = _ASSIGNMENT.fullmatch(line)
        if match is not None:
            assignments.append((number, match))
    if not assignments and any(line.strip() for line in lines):
        raise InvalidVariables(f"{path} sets no variable: give a .tfvars file, or a main.tf")
    return assignments


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidVariables(f"{path} can't be read: {error}") from None


def _check(deployment: Deployment, path: Path) -> None:
    if not deployment.concurrency:
        raise InvalidVariables(f"{path}: concurrency is 0; it must be more than 0")
    if deployment.spot_percent > 100:
        raise InvalidVariables(
            f"{path}: spot_percent is {deployment.spot_percent:g}; it must be from 0 to 100"
        )
    if deployment.night is not None and not _NIGHT.fullmatch(deployment.night):
        raise InvalidVariables(
            f"{path}: night is {deployment.night!r}; it must be HH:MM-HH:MM, such as 20:00-07:00"
        )
    for name, choices in _CHOICES.items():
        value = getattr(deployment, name)
        if value not in choices:
            allowed = " or ".join(choices)
            raise InvalidVariables(f"{path}: {name} is {value!r}; it may be {allowed}")
