"""Read a package.json, which may hold anything."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from repository.testing.detect.parsing import parse_json, strings, table

DEPENDENCY_TABLES = (
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "optionalDependencies",
)

#: Source: https://docs.npmjs.com/cli/configuring-npm/package-json#dependencies
_OUTSIDE = re.compile(
    r"(?:git(?:\+\w+)?:|git@|https?:|ssh:|github:|gitlab:|bitbucket:|gist:)"
    r"|[\w-][\w.-]*/[\w.-]+(?:#|$)"
)
_CONFIGURED_RUNNERS = ("jest", "mocha", "ava")


@dataclass(frozen=True)
class PackageJson:
    """What a package.json says about tests."""

    folder: str
    """The folder that contains it, relative to the repository's root, which is ""."""
    name: str = ""
    scripts: Mapping[str, str] = field(default_factory=dict)
    wireit: Mapping[str, Any] = field(default_factory=dict)
    """Script -> its command and dependencies, if the script is run by wireit."""
    dependencies: frozenset[str] = frozenset()
    outside: Mapping[str, str] = field(default_factory=dict)
    """Dependency that is in no registry -> its address."""
    workspaces: tuple[str, ...] = ()
    """Patterns of the folders of packages that belong to it."""
    package_manager: str = ""
    """Such as pnpm@9.1.0."""
    node_versions: str = ""
    """Those that users may have, such as >=18."""
    developers_node: Mapping[str, str] = field(default_factory=dict)
    """Field -> the versions of Node.js that developers use."""
    entry_points: tuple[str, ...] = ()
    """Paths that other packages import, relative to the folder."""

    @property
    def path(self) -> str:
        return f"{self.folder}/package.json" if self.folder else "package.json"


def parse_package(text: str, folder: str) -> PackageJson | None:
    """Return the content of a package.json, or None if it is not a JSON object."""
    document = parse_json(text)
    if document is None:
        return None
    return PackageJson(
        folder=folder,
        name=_text(document, "name"),
        scripts=_texts(table(document, "scripts")),
        wireit=table(document, "wireit"),
        dependencies=_dependencies(document),
        outside=_outside(document),
        workspaces=_workspaces(document),
        package_manager=_text(document, "packageManager"),
        node_versions=_text(table(document, "engines"), "node"),
        developers_node=_developers_node(document),
        entry_points=_entry_points(document),
    )


def runner_settings(text: str) -> str:
    """Return what a package.json configures of runners, as JSON; its other keys may look alike."""
    document = parse_json(text) or {}
    return json.dumps([table(document, runner) for runner in _CONFIGURED_RUNNERS])


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _dependencies(document: dict[str, Any]) -> frozenset[str]:
    names: set[str] = set()
    for name in DEPENDENCY_TABLES:
        names.update(table(document, name))
    return frozenset(names)


def _outside(document: dict[str, Any]) -> dict[str, str]:
    outside: dict[str, str] = {}
    for name in DEPENDENCY_TABLES:
        for dependency, version in _texts(table(document, name)).items():
            if _OUTSIDE.match(version.strip()):
                outside[dependency] = version
    return outside


def _workspaces(document: dict[str, Any]) -> tuple[str, ...]:
    """Return the patterns; yarn also has them in a table."""
    listed = strings(document.get("workspaces"))
    return tuple(listed or strings(table(document, "workspaces").get("packages")))


def _developers_node(document: dict[str, Any]) -> dict[str, str]:
    """Return field -> versions, as Volta and npm (``devEngines``) have them."""
    versions = {'"volta"': _text(table(document, "volta"), "node")}
    runtimes = table(document, "devEngines").get("runtime")
    for runtime in runtimes if isinstance(runtimes, list) else [runtimes]:
        if isinstance(runtime, dict) and runtime.get("name") == "node":
            versions['"devEngines"'] = _text(runtime, "version")
    return {field: text for field, text in versions.items() if text}


def _entry_points(document: dict[str, Any]) -> tuple[str, ...]:
    paths = [_text(document, "main"), _text(document, "module")]
    pending: list[Any] = [document.get("exports")]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            paths.append(value)
        elif isinstance(value, dict):
            pending += value.values()
    return tuple(dict.fromkeys(path.removeprefix("./") for path in paths if path))
