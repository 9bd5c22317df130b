"""Packages to build before others can be tested: what they export is not in the repository."""

import re
from collections.abc import Iterable, Mapping, Sequence
from posixpath import normpath

from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.node.runner_calls import find_runner_call, is_check
from repository.testing.detect.node.scripts import ScriptResolver, command_line
from repository.testing.detect.tree import Tree
from repository.testing.node_project import NodeProject

_BUILD_SCRIPTS = ("build", "compile", "prepare", "prepack", "prepublish")
_MAX_BUILDS = 12


def library_builds(
    tree: Tree,
    resolver: ScriptResolver,
    packages: Mapping[str, PackageJson],
    tested: Sequence[NodeProject],
    texts: Mapping[str, str],
) -> list[NodeProject]:
    """Return the packages to build, each after those on which it depends.

    They are the packages of this repository that tested packages depend on, and tested packages
    whose tests (``texts``) import what is built.
    """
    folders = _folders_by_name(packages)
    unneeded = {
        project.folder
        for project in tested
        if project.preparation or not _imports_itself(packages[project.folder], texts)
    }
    order: dict[str, None] = {}
    needed = _dependencies(tested, packages, folders)
    for project in tested:
        _visit(project.folder, packages, folders, order, set())
    builds: list[NodeProject] = []
    for folder in order:
        is_unneeded = folder in unneeded and folder not in needed
        if is_unneeded or not _exports_untracked(tree, packages[folder]):
            continue
        lines = _build_lines(resolver, packages[folder])
        if lines:
            builds.append(NodeProject(folder=folder, preparation=tuple(lines), commands=()))
    return builds[:_MAX_BUILDS]


def add_uses(project: NodeProject, packages: Mapping[str, PackageJson]) -> NodeProject:
    """Return the project, if it is built, with the packages that it uses, also by way of others."""
    if not project.preparation:
        return project
    order: dict[str, None] = {}
    _visit(project.folder, packages, _folders_by_name(packages), order, set())
    uses = tuple(folder for folder in order if folder != project.folder)
    return project.model_copy(update={"uses": uses})


def _folders_by_name(packages: Mapping[str, PackageJson]) -> dict[str, str]:
    return {package.name: folder for folder, package in packages.items() if package.name}


def _visit(
    folder: str,
    packages: Mapping[str, PackageJson],
    folders: Mapping[str, str],
    order: dict[str, None],
    visiting: set[str],
) -> None:
    """Add a package to ``order``, after the packages of this repository on which it depends."""
    if folder in order or folder in visiting or folder not in packages:
        return
    visiting.add(folder)
    for name in sorted(packages[folder].dependencies & folders.keys()):
        _visit(folders[name], packages, folders, order, visiting)
    order[folder] = None


def _dependencies(
    tested: Sequence[NodeProject], packages: Mapping[str, PackageJson], folders: Mapping[str, str]
) -> set[str]:
    """Return the folders of the packages on which another tested package depends."""
    found: set[str] = set()
    for project in tested:
        for name in packages[project.folder].dependencies & folders.keys():
            if folders[name] != project.folder:
                found.add(folders[name])
    return found


def _imports_itself(package: PackageJson, texts: Mapping[str, str]) -> bool:
    """Whether tests import the package by its name, or from the folder of what is built."""
    built = {path.partition("/")[0] for path in package.entry_points if "/" in path}
    words = [rf"(?:\.{{1,2}}/)+{re.escape(folder)}(?:/|['\"])" for folder in sorted(built)]
    if package.name:
        words.append(rf"{re.escape(package.name)}(?:/[\w/-]*)?['\"]")
    if not words:
        return False
    pattern = re.compile(rf"['\"](?:{'|'.join(words)})")
    prefix = f"{package.folder}/" if package.folder else ""
    return any(pattern.search(text) for path, text in texts.items() if path.startswith(prefix))


def _exports_untracked(tree: Tree, package: PackageJson) -> bool:
    """Whether none of the paths that other packages import is in the repository."""
    paths = [path for path in package.entry_points if not path.endswith("package.json")]
    return bool(paths) and not any(_is_tracked(tree, package.folder, path) for path in paths)


def _is_tracked(tree: Tree, folder: str, path: str) -> bool:
    full = normpath(f"{folder}/{path}" if folder else path)
    candidates = (full, f"{full}.js", f"{full}/index.js")
    if "*" in full:
        start = full.partition("*")[0]
        return any(tracked.startswith(start) for tracked in tree.sizes)
    return any(candidate in tree.sizes for candidate in candidates)


def _build_lines(resolver: ScriptResolver, package: PackageJson) -> Iterable[str]:
    for script in _BUILD_SCRIPTS:
        lines = [
            command_line(command)
            for command in resolver.resolve(package.folder, script)
            if command.folder == package.folder
            and not is_check(command.words)
            and find_runner_call(command.words) is None
        ]
        if lines:
            return lines
    return []
