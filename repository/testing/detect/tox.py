"""Read tox's configuration: the environment that runs the tests, and what it installs.

tox.ini, tox.toml and pyproject.toml are read (https://tox.wiki/en/latest/config.html). A setting
of a factor (``py36-lowest: numpy==1.16``) applies only to environments with all its factors.
"""

import re
from collections.abc import Collection, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from typing import Any

from repository.testing.detect.blocks import is_for_other_purpose, is_special
from repository.testing.detect.factors import condition_marker, expand_names, is_cpython, is_python
from repository.testing.detect.parsing import parse_ini, parse_toml, strings, table, words
from repository.testing.detect.tree import Tree

_BASE = "testenv"
_SECTION = "testenv:"
_MAX_LINES = 300
_CONDITION = re.compile(r"([\w{},!.-]{1,200}):\s+(\S.*)")
_REFERENCE = re.compile(r"\{\[([^\]]{1,100})\]([\w-]{1,60})\}")
_NAMED_FOR_TESTS = re.compile(r"(?<!la)test|unit", re.I)


@dataclass(frozen=True)
class ToxEnvironment:
    """The environment of tox in which the tests run; without a configuration, an empty one."""

    path: str = ""
    """The configuration's file."""
    name: str = ""
    """Empty for the one that all others inherit from."""
    dependencies: tuple[str, ...] = ()
    """Requirements and ``-rFILE``."""
    variables: tuple[str, ...] = ()
    """Assignments of environment variables, such as ``LANG=C``."""
    extras: tuple[str, ...] = ()
    """Extras with which it installs the repository's own package."""


def read_tox(tree: Tree) -> ToxEnvironment:
    """Return the environment in which tox runs the tests."""
    if "tox.ini" in tree.sizes:
        return _from_ini("tox.ini", tree.text("tox.ini"))
    in_pyproject = table(parse_toml(tree.text("pyproject.toml")), "tool", "tox")
    legacy = in_pyproject.get("legacy_tox_ini")
    if isinstance(legacy, str):
        return _from_ini("pyproject.toml", legacy)
    if "tox.toml" in tree.sizes:
        return _from_toml("tox.toml", parse_toml(tree.text("tox.toml")))
    if in_pyproject:
        return _from_toml("pyproject.toml", in_pyproject)
    return ToxEnvironment()


def choose_environment(names: Sequence[str]) -> str:
    """Return the environment that most likely runs the tests with usual versions, or none.

    It is one of an interpreter, or named for tests; of those with the fewest other factors, it is
    the last, since lists begin with the oldest versions.
    """
    candidates = [name for name in names if not is_special(name) and not is_for_other_purpose(name)]
    named = [name for name in candidates if any(map(is_cpython, name.split("-")))]
    named = named or [name for name in candidates if _NAMED_FOR_TESTS.search(name)]
    if not named:
        return ""
    fewest = min(len(_factors(name)) for name in named)
    return [name for name in named if len(_factors(name)) == fewest][-1]


def _factors(name: str) -> list[str]:
    """Return the factors of an environment that are no interpreters."""
    return [factor for factor in name.split("-") if factor and not is_python(factor)]


def _from_ini(path: str, text: str) -> ToxEnvironment:
    parser = parse_ini(text)
    stated = [parser.get("tox", key, fallback="") or "" for key in ("envlist", "env_list")]
    sections = _environment_sections(parser)
    name = choose_environment(expand_names("\n".join(stated)) or list(sections))
    section = sections.get(name, _BASE)
    factors = _factors(name)
    return ToxEnvironment(
        path=path,
        name=name,
        dependencies=tuple(_ini_lines(parser, section, "deps", factors)),
        extras=tuple(_ini_lines(parser, section, "extras", factors)),
        variables=(
            *_ini_lines(parser, section, "setenv", factors),
            *_ini_lines(parser, section, "set_env", factors),
        ),
    )


def _environment_sections(parser: ConfigParser) -> dict[str, str]:
    """Return the name of each environment with its own section -> the section's name."""
    sections: dict[str, str] = {}
    for section in parser.sections():
        if section.startswith(_SECTION):
            names = expand_names(section.removeprefix(_SECTION))
            sections.update(dict.fromkeys(names, section))
    return sections


def _ini_lines(
    parser: ConfigParser, section: str, option: str, factors: Collection[str]
) -> list[str]:
    """Return the lines of an option, of the section that all inherit from if the own has none."""
    if not parser.has_option(section, option):
        section = _BASE
    lines: list[str] = []
    pending = [(section, option)]
    seen: set[tuple[str, str]] = set()
    while pending and len(lines) < _MAX_LINES:
        reference = pending.pop(0)
        if reference in seen:
            continue
        seen.add(reference)
        text = parser.get(*reference, fallback="") or ""
        for line in text.splitlines():
            named = _REFERENCE.search(line)
            if named is not None:
                pending.append((named[1], named[2]))
                continue
            applicable = applicable_line(line, factors)
            if applicable:
                lines.append(applicable)
    return lines[:_MAX_LINES]


def applicable_line(line: str, factors: Collection[str]) -> str:
    """Return a line without its condition, or nothing if the condition never holds.

    A condition on the interpreter becomes an environment marker.
    """
    text = line.partition(" #")[0].strip()
    if text.startswith("#"):
        return ""
    condition = _CONDITION.fullmatch(text)
    if condition is None:
        return text
    marker = condition_marker(condition[1], factors)
    if marker is None:
        return ""
    requirement = condition[2].strip()
    if not marker or requirement.startswith("-"):
        return requirement
    bare, _, own_marker = requirement.partition(";")
    if own_marker.strip():
        marker = f"({own_marker.strip()}) and ({marker})"
    return f"{bare.strip()}; {marker}"


def _from_toml(path: str, document: dict[str, Any]) -> ToxEnvironment:
    environments = table(document, "env")
    name = choose_environment(strings(document.get("env_list")) or list(environments))
    own = table(environments, name)
    base = table(document, "env_run_base")
    return ToxEnvironment(
        path=path,
        name=name,
        dependencies=tuple(strings(own.get("deps", base.get("deps")))),
        extras=tuple(words(own.get("extras", base.get("extras")))),
        variables=tuple(_assignments({**table(base, "set_env"), **table(own, "set_env")})),
    )


def _assignments(variables: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in variables.items() if isinstance(value, str)]
