"""Find the packages of a repository, and which of them belong to a workspace."""

import re
from collections.abc import Mapping, Sequence
from posixpath import dirname

from repository.testing.detect.node.package_json import PackageJson, parse_package
from repository.testing.detect.parsing import strings
from repository.testing.detect.tree import Tree
from repository.testing.path_patterns import path_matches
from repository.testing.run.reports.untrusted_json import parse_object

PACKAGE_FILE = "package.json"
_MAX_PACKAGES = 200
_MAX_PATTERNS = 100
_NOT_PACKAGES = re.compile(
    r"(?:^|/)(?:node_modules|vendor|__?fixtures?__?|fixtures?|__tests__|testdata|templates?"
    r"|examples?|demos?|benchmarks?|website|docs?)/"
)
"""Folders whose packages are data or examples, unless a workspace names them."""
_PNPM_LIST = re.compile(r"^packages:[^\S\n]*\n((?:[^\S\n]*(?:-[^\n]*|#[^\n]*)?\n)*)", re.M)
_YAML_ITEM = re.compile(r"^[^\S\n]*-[^\S\n]*['\"]?([^'\"#\n]+)", re.M)


def read_packages(tree: Tree) -> dict[str, PackageJson]:
    """Return folder -> its package.json, from the root down; unreadable ones are left out."""
    packages: dict[str, PackageJson] = {}
    for path in _package_files(tree)[:_MAX_PACKAGES]:
        folder = dirname(path)
        package = parse_package(tree.text(path), folder)
        if package is not None:
            packages[folder] = package
    return packages


def find_members(tree: Tree, packages: Mapping[str, PackageJson]) -> dict[str, list[str]]:
    """Return folder of a workspace -> the folders of its packages."""
    members: dict[str, list[str]] = {}
    for folder, package in packages.items():
        patterns = _workspace_patterns(tree, package)
        inside = [
            other
            for other in packages
            if other != folder and _is_member(_relative(other, folder), patterns)
        ]
        if inside:
            members[folder] = inside
    return members


def is_example(folder: str) -> bool:
    """Whether the package in a folder is data or an example by its path."""
    return _NOT_PACKAGES.search(f"{folder}/") is not None


def _package_files(tree: Tree) -> list[str]:
    files = [
        path
        for path in tree.paths
        if path.rpartition("/")[2] == PACKAGE_FILE and "node_modules/" not in path
    ]
    return sorted(files, key=lambda path: (is_example(dirname(path)), path.count("/"), path))


def _workspace_patterns(tree: Tree, package: PackageJson) -> Sequence[str]:
    if package.workspaces:
        return package.workspaces
    prefix = f"{package.folder}/" if package.folder else ""
    pnpm = _PNPM_LIST.search(tree.text(f"{prefix}pnpm-workspace.yaml") + "\n")
    if pnpm:
        return [item.strip() for item in _YAML_ITEM.findall(pnpm[1])]
    lerna = parse_object(tree.text(f"{prefix}lerna.json"))
    return strings(lerna.get("packages"))


def _relative(path: str, folder: str) -> str:
    """Return a path relative to a folder; empty if it is outside."""
    if not folder:
        return path
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else ""


def _is_member(path: str, patterns: Sequence[str]) -> bool:
    """Return whether the last pattern that matches a folder includes it."""
    included = False
    for pattern in patterns[:_MAX_PATTERNS]:
        folders = pattern.removeprefix("!").removeprefix("./").rstrip("/")
        if path_matches(path, folders):
            included = not pattern.startswith("!")
    return included and bool(path)
