"""A Python project's packaging files and the metadata of its package in them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from repository.files import AMBIGUOUS_TEST_FOLDERS, TEST_FOLDERS
from repository.testing.detect.parsing import (
    parse_ini,
    parse_toml,
    setup_argument,
    table,
)
from repository.testing.detect.tree import Tree

_PYTEST_TOML = ("pytest.toml", ".pytest.toml")
_PYTEST_INI = ("pytest.ini", ".pytest.ini")
_SHARED_INI = (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))
"""Files that configure pytest only if they have the section."""
_FOLDERS_WITHOUT_PACKAGES = (
    TEST_FOLDERS
    | AMBIGUOUS_TEST_FOLDERS
    | {"docs", "doc", "examples", "benchmarks", "scripts", "tools"}
)
_PACKAGE_AT_TOP = re.compile(r"(?:src/|lib/)?(\w+)/__init__\.py")
_REQUIRES_IN_SETUP = re.compile(r"python_requires\s*=\s*[\"']([^\"']+)")
_FOLDER_IN_SETUP = re.compile(
    r"package_dir[ \t]*=[ \t]*\{[ \t]*['\"]{2}[ \t]*:[ \t]*['\"]([\w./-]+)['\"]"
)
_FOLDER_IN_SETUP_CFG = re.compile(r"^=[ \t]*(\S+)$", re.M)
_PYTHON_CLASSIFIER = re.compile(r"Programming Language :: Python :: 3\.(\d+)")
_VERSION_FROM_GIT = re.compile(r"setuptools_scm|setuptools-scm|hatch-vcs|\bpbr\b|scm\b")


@dataclass(frozen=True)
class Package:
    """Metadata of the repository's own package, from its files."""

    is_installable: bool = False
    name: str = ""
    backend: str = ""
    """The module that builds it, if pyproject.toml names it."""
    version_from_git: bool = False
    """Whether it asks git for its version when it is built."""
    source_root: str = ""
    """The folder of its packages, such as "src"; empty for the root."""
    requires_python: str | None = None
    """A version specifier, as written."""
    classified_minors: tuple[int, ...] = ()
    """Minor versions of Python 3 in its trove classifiers."""


class Project:
    """The parsed packaging files of a tree; missing ones are empty."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self.setup_py = tree.text("setup.py")
        self.pyproject = parse_toml(tree.text("pyproject.toml"))
        self.setup_cfg = parse_ini(tree.text("setup.cfg"))

    @cached_property
    def pytest_config(self) -> dict[str, Any] | None:
        """pytest's configuration; None if there is none.

        The order of the files is pytest's: https://docs.pytest.org/en/stable/reference/customize.html
        """
        for path in _PYTEST_TOML:
            if path in self.tree.sizes:
                return table(parse_toml(self.tree.text(path)), "pytest")
        for path in _PYTEST_INI:
            if path in self.tree.sizes:
                return self._ini_section(path, "pytest") or {}
        pytest_table = table(self.pyproject, "tool", "pytest")
        if pytest_table:
            return table(pytest_table, "ini_options") or pytest_table
        for path, section in _SHARED_INI:
            options = self._ini_section(path, section)
            if options is not None:
                return options
        return None

    def _ini_section(self, path: str, section: str) -> dict[str, Any] | None:
        parser = parse_ini(self.tree.text(path))
        return dict(parser.items(section)) if parser.has_section(section) else None

    @cached_property
    def package(self) -> Package:
        all_texts = "\n".join(
            self.tree.text(path) for path in ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini")
        )
        minors = {int(minor) for minor in _PYTHON_CLASSIFIER.findall(all_texts)}
        build_system = table(self.pyproject, "build-system")
        return Package(
            is_installable=self._is_installable(),
            name=self.stated_name or _only_package(self.tree.paths),
            backend=str(build_system.get("build-backend") or ""),
            version_from_git=_VERSION_FROM_GIT.search(all_texts) is not None,
            source_root=self._source_root(),
            requires_python=self._requires_python(),
            classified_minors=tuple(sorted(minors)),
        )

    def _is_installable(self) -> bool:
        """Whether pip could install it; a setup.cfg alone is not enough."""
        tool = table(self.pyproject, "tool")
        if table(tool, "poetry").get("package-mode") is False:
            return False
        if table(tool, "uv").get("package") is False:
            return False
        return (
            "setup.py" in self.tree.sizes
            or "build-system" in self.pyproject
            or "project" in self.pyproject
        )

    @cached_property
    def stated_name(self) -> str:
        """The package's name as a packaging file states it; empty if none does."""
        stated = table(self.pyproject, "project").get("name")
        stated = stated or table(self.pyproject, "tool", "poetry").get("name")
        for option in ("name", "package_name"):
            stated = stated or self.setup_cfg.get("metadata", option, fallback="")
        if stated:
            return str(stated)
        names = setup_argument(self.setup_py, "name")
        return names[0] if names else ""

    def _requires_python(self) -> str | None:
        stated = table(self.pyproject, "project").get("requires-python")
        if not stated:
            stated = table(self.pyproject, "tool", "poetry", "dependencies").get("python")
        if not stated:
            stated = self.setup_cfg.get("options", "python_requires", fallback=None)
        if not stated:
            match = _REQUIRES_IN_SETUP.search(self.setup_py)
            stated = match[1] if match else stated
        return stated if isinstance(stated, str) else None

    def _source_root(self) -> str:
        """Return the configured or a usual folder with a package in it; empty for the root."""
        for folder in (_first_folder(self._stated_roots()), "src", "lib"):
            if folder and _holds_package(self.tree.paths, folder):
                return folder
        return ""

    def _stated_roots(self) -> Iterator[Any]:
        setuptools = table(self.pyproject, "tool", "setuptools")
        yield table(setuptools, "package-dir").get("")
        where = table(setuptools, "packages", "find").get("where")
        if isinstance(where, list):
            yield from where
        yield self.setup_cfg.get("options.packages.find", "where", fallback="")
        package_dir = self.setup_cfg.get("options", "package_dir", fallback="")
        yield from _FOLDER_IN_SETUP_CFG.findall(package_dir or "")
        yield from _FOLDER_IN_SETUP.findall(self.setup_py)


def _first_folder(stated: Iterable[Any]) -> str:
    """Return the first folder that is not the root itself."""
    for folder in stated:
        if isinstance(folder, str):
            normalized = folder.strip().removeprefix("./").rstrip("/")
            if normalized not in ("", "."):
                return normalized
    return ""


def _holds_package(paths: Sequence[str], folder: str) -> bool:
    """Whether a folder directly contains a module or a package."""
    pattern = re.compile(rf"{re.escape(folder)}/(?:[^/]+|[^/]+/__init__)\.py")
    return any(pattern.fullmatch(path) for path in paths)


def _only_package(paths: Iterable[str]) -> str:
    """Return the name of the only package in the root, src or lib, besides tests and docs."""
    packages = top_packages(paths)
    return packages.pop() if len(packages) == 1 else ""


def top_packages(paths: Iterable[str]) -> set[str]:
    """Return the names of the packages in the root, src or lib, besides tests and docs."""
    packages = set()
    for path in paths:
        match = _PACKAGE_AT_TOP.fullmatch(path)
        if match and match[1] not in _FOLDERS_WITHOUT_PACKAGES:
            packages.add(match[1])
    return packages
