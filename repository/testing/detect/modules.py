"""Find the folders of Go modules, Cargo workspaces, Maven and Gradle builds."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from repository.files import VENDORED_FOLDERS
from repository.runners import Runner
from repository.testing.detect.parsing import parse_toml, strings, table
from repository.testing.detect.tree import Tree

ROOT = ""
#: Folders that the tools themselves skip, or whose files are data.
_SKIPPED_FOLDERS = VENDORED_FOLDERS | {"testdata", "target"}
_DEPENDENCY_TABLES = ("dependencies", "dev-dependencies", "build-dependencies")


def find_module_folders(tree: Tree, runner: Runner | None, revealed_by: Sequence[str]) -> list[str]:
    """Return the folders in which a runner must be called, outermost first; the root is ``""``.

    ``revealed_by`` are the names of the files that reveal its language.
    """
    match runner:
        case "go":
            return _folders_with(tree, revealed_by)
        case "cargo":
            return _cargo_workspaces(tree)
        case "maven" | "gradle":
            folders = _folders_with(tree, revealed_by)
            return [folder for folder in folders if not _enclosing(folder, folders)]
        case _:
            return [ROOT] if any(name in tree.sizes for name in revealed_by) else []


def _cargo_workspaces(tree: Tree) -> list[str]:
    """Return the folders of Cargo workspaces and of packages in no workspace.

    A package is a member of the nearest workspace around it that does not exclude it. Cargo refuses
    a package that a workspace around it neither lists nor excludes; it is left out.
    """
    manifests = _read_manifests(tree)
    workspaces = {folder: data for folder, data in manifests.items() if "workspace" in data}
    members = {folder: _cargo_members(folder, manifests) for folder in workspaces}
    found: list[str] = []
    for folder in manifests:
        around = _enclosing(folder, workspaces)
        if folder in workspaces or not around:
            found.append(folder)
            continue
        nearest = around[-1]
        if folder not in members[nearest] and _is_excluded(folder, nearest, workspaces[nearest]):
            found.append(folder)
    return found


def _folders_with(tree: Tree, names: Sequence[str]) -> list[str]:
    """Return the folders with one of these files, outermost first."""
    folders: set[str] = set()
    for path in tree.paths:
        parts = PurePosixPath(path).parts
        if parts[-1] in names and _SKIPPED_FOLDERS.isdisjoint(parts):
            folders.add("/".join(parts[:-1]))
    return sorted(folders, key=_depth_first)


def _depth_first(folder: str) -> tuple[int, str]:
    return len(PurePosixPath(folder).parts), folder


def _enclosing(folder: str, folders: Iterable[str]) -> list[str]:
    """Return those of ``folders`` that contain ``folder``, outermost first."""
    path = PurePosixPath(folder)
    others = [other for other in folders if other != folder]
    around = [other for other in others if other == ROOT or path.is_relative_to(other)]
    return sorted(around, key=_depth_first)


def _read_manifests(tree: Tree) -> dict[str, dict[str, Any]]:
    manifests: dict[str, dict[str, Any]] = {}
    for folder in _folders_with(tree, ["Cargo.toml"]):
        manifests[folder] = parse_toml(tree.text(_join(folder, "Cargo.toml")))
    return manifests


def _cargo_members(workspace: str, manifests: Mapping[str, dict[str, Any]]) -> set[str]:
    """Return the workspace's listed members and the packages on which they depend by path."""
    patterns = strings(table(manifests[workspace], "workspace").get("members"))
    found = {workspace}
    for folder in manifests:
        relative = _relative_to(folder, workspace)
        if any(fnmatchcase(relative, pattern.strip("./")) for pattern in patterns):
            found.add(folder)
    waiting = list(found)
    while waiting:
        folder = waiting.pop()
        for dependency in _path_dependencies(folder, manifests[folder]):
            if dependency in manifests and dependency not in found:
                found.add(dependency)
                waiting.append(dependency)
    return found


def _path_dependencies(folder: str, manifest: dict[str, Any]) -> list[str]:
    tables = [table(manifest, name) for name in _DEPENDENCY_TABLES]
    tables.append(table(manifest, "workspace", "dependencies"))
    for target in table(manifest, "target").values():
        tables += [table({"": target}, "", name) for name in _DEPENDENCY_TABLES]
    folders: list[str] = []
    for dependencies in tables:
        for dependency in dependencies.values():
            path = dependency.get("path") if isinstance(dependency, dict) else None
            if isinstance(path, str):
                folders.append(_normalize(_join(folder, path)))
    return folders


def _is_excluded(folder: str, workspace: str, manifest: dict[str, Any]) -> bool:
    relative = PurePosixPath(_relative_to(folder, workspace))
    excluded = strings(table(manifest, "workspace").get("exclude"))
    return any(relative.is_relative_to(path.strip("./")) for path in excluded)


def _relative_to(folder: str, other: str) -> str:
    return folder.removeprefix(other).removeprefix("/")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _normalize(path: str) -> str:
    """Return a path without ``.`` and ``..``."""
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part == ".." and parts:
            parts.pop()
        elif part not in ("..", "."):
            parts.append(part)
    return "/".join(parts)
