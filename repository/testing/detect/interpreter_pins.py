"""Find the Python version that a repository pins for its development or its deployment."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from repository.testing.detect.parsing import parse_toml, table
from repository.testing.detect.tree import Tree

_VERSION = r"[a-z-]{0,12}3\.(\d{1,2})(?![\d])"
_VERSION_FILES = (
    (".python-version", re.compile(rf"\s*{_VERSION}")),
    (".tool-versions", re.compile(rf"\s*python\s+{_VERSION}")),
    ("runtime.txt", re.compile(rf"\s*{_VERSION}")),
    ("Pipfile", re.compile(rf"\s*python_(?:full_)?version\s*=\s*[\"']{_VERSION}")),
)
"""(file of a version manager or a platform, a line of it that names the version)"""
_MISE_FILES = ("mise.toml", ".mise.toml")
_MINOR = re.compile(_VERSION)

_IMAGE_FILES = (
    "Dockerfile",
    "Dockerfile.*",
    "*.Dockerfile",
    "docker/Dockerfile",
    ".devcontainer/Dockerfile",
    ".devcontainer/devcontainer.json",
    ".devcontainer.json",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "docker-compose.yml",
    "compose.yaml",
)
_IMAGE = re.compile(
    # The images of development containers have a version of their own before Python's: 1-3.11.
    r"\s*-?\s*\"?(?:FROM|image\"?:)\s[^#]{0,100}?\bpython:(?:\d{1,2}-)?3\.(\d{1,2})(?!\d)"
    r"|\s*ARG\s+(?:PYTHON_VERSION|VARIANT)\s*=\s*[\"']?(?:\d{1,2}-)?3\.(\d{1,2})(?!\d)",
    re.I,
)
_CONDA_FILES = ("environment.yml", "environment.yaml")
_CONDA = re.compile(r"\s*-\s+[\"']?(?:[\w-]{1,40}::)?python\s{0,4}={0,2}\s{0,4}3\.(\d{1,2})(?!\d)")


@dataclass(frozen=True)
class Pin:
    """A version of Python 3, and where it is pinned."""

    minor: int
    source: str
    """``path:line``."""


def find_pin(tree: Tree) -> Pin | None:
    """Return the version in the first file of a version manager that names one.

    Of several versions in a file, the first is the manager's default.
    """
    return next(_pins_of_managers(tree), None)


def find_environment_pin(tree: Tree) -> Pin | None:
    """Return the version of conda's main environment, or of the first container image of Python."""
    return next(_pins_of_environments(tree), None)


def _pins_of_managers(tree: Tree) -> Iterator[Pin]:
    for path, pattern in _VERSION_FILES:
        for number, line in tree.lines(path):
            match = pattern.match(line)
            if match:
                yield Pin(int(match[1]), f"{path}:{number}")
    for path in _MISE_FILES:
        yield from _pins_of_mise(tree, path)


def _pins_of_mise(tree: Tree, path: str) -> Iterator[Pin]:
    stated = table(parse_toml(tree.text(path)), "tools").get("python")
    version = stated[0] if isinstance(stated, list) and stated else stated
    if isinstance(version, dict):
        version = version.get("version")
    if not isinstance(version, str):
        return
    match = _MINOR.match(version)
    if match is None:
        return
    for number, line in tree.lines(path):
        if "python" in line and version in line:
            yield Pin(int(match[1]), f"{path}:{number}")
    yield Pin(int(match[1]), path)


def _pins_of_environments(tree: Tree) -> Iterator[Pin]:
    for path in _CONDA_FILES:
        for number, line in tree.lines(path):
            match = _CONDA.match(line)
            if match:
                yield Pin(int(match[1]), f"{path}:{number}")
    yield from _pins_of_images(tree)


def _pins_of_images(tree: Tree) -> Iterator[Pin]:
    for path in tree.matching(_IMAGE_FILES):
        for number, line in tree.lines(path):
            match = _IMAGE.match(line)
            if match:
                yield Pin(int(match[1] or match[2]), f"{path}:{number}")
