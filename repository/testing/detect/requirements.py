"""Requirement lines: their sources, which can be installed, and which are for tests."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

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
_FOR_DEVELOPMENT = frozenset({"dev", "develop", "development", "dev-dependencies"})
#: Module -> the package that provides it, if the names differ.
PACKAGES = {
    "yaml": "pyyaml",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jwt": "pyjwt",
    "OpenSSL": "pyopenssl",
    "Crypto": "pycryptodome",
    "git": "gitpython",
    "serial": "pyserial",
    "google": "protobuf",
    "pkg_resources": "setuptools",
    "websocket": "websocket-client",
    "zmq": "pyzmq",
    "skimage": "scikit-image",
    "docx": "python-docx",
    "magic": "python-magic",
    "ruamel": "ruamel.yaml",
    "psycopg2": "psycopg2-binary",
    "iris": "scitools-iris",
}


class Confidence(StrEnum):
    DECLARED = "declared"
    """Required for tests or for development: always installed."""
    MENTIONED = "mentioned"
    """Required for any purpose: installed if a test imports it."""


@dataclass(frozen=True)
class Need:
    """A requirement and the place where it was found."""

    line: str
    """The line as written; invalid requirements are ignored."""
    source: str
    """For a human reader."""
    confidence: Confidence


def declared_needs(lines: Iterable[str], source: str) -> list[Need]:
    return [Need(line, source, Confidence.DECLARED) for line in lines]


def mentioned_needs(lines: Iterable[str], source: str) -> list[Need]:
    return [Need(line, source, Confidence.MENTIONED) for line in lines]


def installable(lines: Iterable[str]) -> list[str]:
    """Return the requirements that can be installed from an index, one per package and marker.

    The first for a package counts. Invalid lines are left out, and so are URLs, which could point
    to anything.
    """
    by_package: dict[str, str] = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.url is None:
            key = f"{canonicalize_name(requirement.name)};{requirement.marker or ''}"
            by_package.setdefault(key, line)
    return list(by_package.values())


def package_name(line: str) -> str:
    """Return the normalized name of a requirement's package."""
    return canonicalize_name(Requirement(line).name)


def choose_for_tests(names: Iterable[str]) -> list[str]:
    """Return the extras or groups for tests or, if there are none, for development."""
    distinct_names = list(dict.fromkeys(names))
    for_tests = [name for name in distinct_names if name.lower() in _FOR_TESTS]
    if for_tests:
        return for_tests
    return [name for name in distinct_names if name.lower() in _FOR_DEVELOPMENT]


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
