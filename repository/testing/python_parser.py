"""Parse Python source code as the interpreters that a repository allows would."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from repository.config import CONFIG, ConfigError, read_tests_config
from repository.python_source import UnknownSyntax, parse_python
from repository.testing.detect.project import Project
from repository.testing.detect.tree import Tree
from repository.testing.install.interpreters import allows, find_interpreters

_OWN_MINOR = sys.version_info.minor
_PROGRAM = """
import ast, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
ast.parse(sys.stdin.buffer.read().decode())
"""
"""Parses its input and runs nothing of it. A megabyte of source takes up to 0.7 GB; old parsers
crash where the source is nested too deeply.
"""
_SECONDS = 20
_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py", ".python-version")
_PINNED = re.compile(r"\s*(?:c?python-?)?([23]\.[0-9]{1,2})\b", re.I)
_CLASSIFIER = re.compile(r"Programming Language :: Python :: ([23])\b")


class RepositoryPython:
    """The parsers of one repository's Python.

    The worker's own parser is asked first. What it can't parse may be the syntax of another
    version, which counts if the repository allows that version.
    """

    def __init__(self, tree: Callable[[], Tree], folders: Sequence[Path]):
        """``tree`` returns the repository's files; ``folders`` have interpreters."""
        self._open_tree = tree
        self._folders = folders

    def parse(self, path: str, text: str) -> None:
        """Parse a file.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: it can't be parsed.
            UnknownSyntax: the repository is for versions of Python that are not on this machine, or
                one of them took too long.
        """
        try:
            parse_python(text)
        except SyntaxError as error:
            requirement = _requirement(self._tree, path)
            others = self._interpreters(requirement)
            if any(_parses(interpreter, text) for interpreter in others):
                return
            if others or allows(requirement, _OWN_MINOR):
                raise
            message = f"no Python here fits the repository's {requirement!r}"
            raise UnknownSyntax(message) from error

    @cached_property
    def _tree(self) -> Tree:
        return self._open_tree()

    @cached_property
    def _installed(self) -> Mapping[int, Path]:
        return find_interpreters(self._folders)

    def _interpreters(self, requirement: str | None) -> list[Path]:
        """Return the allowed interpreters of other versions, the newest first."""
        allowed: list[Path] = []
        for minor in sorted(self._installed, reverse=True):
            if minor != _OWN_MINOR and allows(requirement, minor):
                allowed.append(self._installed[minor])
        return allowed


def _parses(interpreter: Path, text: str) -> bool:
    """Return whether another version parses the text.

    Raises:
        UnknownSyntax: it took too long, as it may for a megabyte on a busy machine.
    """
    command = [str(interpreter), "-I", "-S", "-W", "ignore", "-c", _PROGRAM]
    try:
        process = subprocess.run(
            command,
            input=text.encode(errors="replace"),
            capture_output=True,
            env={},
            timeout=_SECONDS,
            check=False,
        )
    except OSError:
        return False
    except subprocess.TimeoutExpired as error:
        raise UnknownSyntax(f"{interpreter.name} took over {_SECONDS} seconds") from error
    return process.returncode == 0


def _requirement(tree: Tree, path: str) -> str | None:
    """Return the version specifier for a file, from the nearest project files above it."""
    try:
        configured = read_tests_config(tree.read(CONFIG)).python
    except ConfigError:
        configured = None
    if configured:
        return f"=={configured}.*"
    for folder in _folders_above(path):
        if any(f"{folder}{name}" in tree.sizes for name in _PROJECT_FILES):
            requirement = _stated_requirement(_below(tree, folder))
            if requirement:
                return requirement
    return None


def _stated_requirement(tree: Tree) -> str | None:
    package = Project(tree).package
    if package.requires_python:
        return package.requires_python
    pinned = _PINNED.match(tree.text(".python-version"))
    if pinned:
        return f"=={pinned[1]}.*"
    texts = "\n".join(tree.text(name) for name in _PROJECT_FILES)
    return "<3" if set(_CLASSIFIER.findall(texts)) == {"2"} else None


def _folders_above(path: str) -> list[str]:
    """Return the folders above a file, each with a slash at its end, the root last."""
    folders: list[str] = []
    at = path.rfind("/")
    while at >= 0:
        folders.append(path[: at + 1])
        at = path.rfind("/", 0, at)
    return [*folders, ""]


def _below(tree: Tree, folder: str) -> Tree:
    """Return the files below a folder as a tree of their own."""
    sizes: dict[str, int] = {}
    for path, size in tree.sizes.items():
        if path.startswith(folder):
            sizes[path.removeprefix(folder)] = size
    return Tree(sizes, lambda path: tree.read(f"{folder}{path}"))
