"""Requirement lines: their sources, which can be installed, and which are for tests."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.blocks import is_special

_FOR_TESTS = frozenset(
    {
        "test",
        "tests",
        "testing",
        "test-dependencies",
        "unittest",
        "pytest",
        "tests-extra",
        "test-all",
    }
)
_NAMED_FOR_TESTS = re.compile(
    r"(?:^|[._-])(?:unit-?)?(?:tests?|testing|pytest|unit)(?:$|[._-])", re.I
)
_MAX_LINES = 500
_FOR_DEVELOPMENT = frozenset({"dev", "develop", "development", "dev-dependencies"})
#: Packages that can't be installed on Linux.
_FOR_OTHER_SYSTEMS = re.compile(
    r"pywin32|pypiwin32|pywinpty|windows-curses|wmi|pyobjc(?:-core|-framework-[a-z]+)?"
)

_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]{0,100})")


class Confidence(StrEnum):
    """What a need is for, and so whether it is installed; the most certain comes first."""

    DECLARED = "declared"
    """For tests or for development: always installed."""
    RUNTIME = "run time"
    """For running the code: installed if the repository's own package is not."""
    COMMAND = "command"
    """Installed by a command, such as a Dockerfile's: counts as RUNTIME if there is none, and
    otherwise as MENTIONED."""
    MENTIONED = "mentioned"
    """For any purpose: installed if tests or the code that they test import it."""


@dataclass(frozen=True)
class Source:
    """Where something was found."""

    path: str
    """A file of the repository; empty if it was concluded from the tests."""
    place: str = ""
    """The table, section or option in the file, or the conclusion."""
    line: int | None = None
    """Counted from 1."""

    def __str__(self) -> str:
        position = self.path if self.line is None else f"{self.path}:{self.line}"
        return " ".join(filter(None, (position, self.place)))


@dataclass(frozen=True)
class Need:
    """A requirement and the place where it was found."""

    line: str
    """The line as written; invalid requirements are ignored."""
    source: Source
    confidence: Confidence


def needs_from(lines: Iterable[str], source: Source, confidence: Confidence) -> list[Need]:
    """Return the needs of several lines with one source; the first lines of very many."""
    return [Need(line, source, confidence) for line in islice(lines, _MAX_LINES)]


def parse_requirement(line: str) -> Requirement | None:
    """Return a requirement of the standard (PEP 508); None if the line is none."""
    try:
        return Requirement(line)
    except (InvalidRequirement, RecursionError):  # markers may be nested too deeply
        return None


def installable(lines: Iterable[str]) -> list[str]:
    """Return the requirements that can be installed from an index, one per package and marker.

    The first for a package counts. Invalid lines are left out, as are URLs, which could point to
    anything, and packages for other systems, which documents name without a marker.
    """
    by_package: dict[str, str] = {}
    for line in lines:
        requirement = parse_requirement(line)
        if requirement is None or requirement.url is not None:
            continue
        name = canonicalize_name(requirement.name)
        if not _FOR_OTHER_SYSTEMS.fullmatch(name):
            by_package.setdefault(f"{name};{requirement.marker or ''}", line)
    return list(by_package.values())


def names_in(lines: Iterable[str]) -> set[str]:
    """Return the normalized names at the beginning of lines, which need not be requirements."""
    matches = [_NAME.match(line) for line in lines]
    return {canonicalize_name(match[1]) for match in matches if match}


def package_name(line: str) -> str:
    """Return the normalized name of a requirement's package."""
    return canonicalize_name(Requirement(line).name)


def choose_for_tests(names: Iterable[str]) -> list[str]:
    """Return the extras or groups for tests or, if there are none, for development.

    Those that are named exactly so take precedence over others, such as ``unit-tests``.
    """
    distinct_names = list(dict.fromkeys(names))
    for_tests = [name for name in distinct_names if name.lower() in _FOR_TESTS]
    if not for_tests:
        for_tests = [name for name in distinct_names if _is_named_for_tests(name)]
    if for_tests:
        return for_tests
    return [name for name in distinct_names if name.lower() in _FOR_DEVELOPMENT]


def _is_named_for_tests(name: str) -> bool:
    return _NAMED_FOR_TESTS.search(name) is not None and not is_special(name)


def resolve_extras(
    package: str, extras: Iterable[str], requires: Iterable[str], python: str
) -> list[str]:
    """Return the requirements that extras add to a package.

    Args:
        package: The package's name.
        extras: Names of its extras.
        requires: The ``Requires-Dist`` lines of its metadata.
        python: The interpreter's version, such as 3.11.
    """
    target = {"python_version": python, "python_full_version": f"{python}.0"}
    requirements = [Requirement(line) for line in installable(requires)]
    lines: dict[str, None] = {}
    pending = list(extras)
    seen: set[str] = set()
    while pending:
        extra = pending.pop(0)
        seen.add(extra)
        for requirement in requirements:
            if not _is_added_by(requirement, extra, target):
                continue
            if canonicalize_name(requirement.name) == canonicalize_name(package):
                # An extra that is composed of others.
                pending += [other for other in requirement.extras if other not in seen]
            else:
                lines[_without_marker(requirement)] = None
    return list(lines)


def _is_added_by(requirement: Requirement, extra: str, target: dict[str, str]) -> bool:
    marker = requirement.marker
    if marker is None or marker.evaluate({**target, "extra": ""}):
        return False
    return marker.evaluate({**target, "extra": extra})


def _without_marker(requirement: Requirement) -> str:
    bare = Requirement(str(requirement))
    bare.marker = None
    return str(bare)
