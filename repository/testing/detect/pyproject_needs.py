"""Read the needs from pyproject.toml: of the standards and of each build back end's own tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from repository.testing.detect.blocks import is_for_other_purpose, is_special
from repository.testing.detect.parsing import parse_toml, strings, table
from repository.testing.detect.poetry import poetry_requirements
from repository.testing.detect.project import Project
from repository.testing.detect.requirement_files import read_requirement_lines
from repository.testing.detect.requirements import (
    Confidence,
    Need,
    Source,
    choose_for_tests,
    needs_from,
)

_PYPROJECT = "pyproject.toml"
_HATCH = "hatch.toml"
_MAX_GROUPS = 100
_HATCH_KEYS = ("dependencies", "extra-dependencies")


def from_pyproject(project: Project) -> list[Need]:
    """Return the needs from all tables of pyproject.toml, those for tests first."""
    return [
        *_from_dependency_groups(project),
        *_from_uv(project),
        *_from_poetry_groups(project),
        *_from_hatch(project),
        *_from_project(project),
        *_from_poetry(project),
        *_from_flit(project),
        *_from_setuptools(project),
    ]


def names_of_local_packages(pyproject: dict[str, Any]) -> set[str]:
    """Return the normalized names of the packages that uv takes from the repository's folders."""
    names: set[str] = set()
    for name, stated in table(pyproject, "tool", "uv", "sources").items():
        sources = stated if isinstance(stated, list) else [stated]
        for source in sources:
            if isinstance(source, dict) and ("workspace" in source or "path" in source):
                names.add(canonicalize_name(name))
    return names


def _from_dependency_groups(project: Project) -> list[Need]:
    """Read the test groups of PEP 735 and of pdm, which had them earlier."""
    needs: list[Need] = []
    for keys in (("dependency-groups",), ("tool", "pdm", "dev-dependencies")):
        groups = table(project.pyproject, *keys)
        for name in choose_for_tests(groups):
            lines = _resolve_group(groups, name, set())
            source = Source(_PYPROJECT, f"[{'.'.join(keys)}] {name}")
            needs += needs_from(lines, source, Confidence.DECLARED)
    return needs


def _resolve_group(groups: Mapping[str, Any], name: str, seen: set[str]) -> list[str]:
    """Return a group's lines with those of the groups it includes, each group once.

    ``packaging.dependency_groups`` rejects a group for one invalid line, and duplicates groups that
    are included twice: hostile files could expand without bound.
    """
    members = groups.get(name)
    if name in seen or len(seen) >= _MAX_GROUPS or not isinstance(members, list):
        return []
    seen.add(name)
    lines: list[str] = []
    for member in members:
        if isinstance(member, str):
            lines.append(member)
        elif isinstance(member, dict):
            included_name = str(member.get("include-group"))
            lines += _resolve_group(groups, included_name, seen)
    return lines


def _from_uv(project: Project) -> list[Need]:
    lines = strings(table(project.pyproject, "tool", "uv").get("dev-dependencies"))
    source = Source(_PYPROJECT, "[tool.uv] dev-dependencies")
    return needs_from(lines, source, Confidence.DECLARED)


def _from_poetry_groups(project: Project) -> list[Need]:
    poetry = table(project.pyproject, "tool", "poetry")
    lines = poetry_requirements(table(poetry, "dev-dependencies"))
    source = Source(_PYPROJECT, "[tool.poetry.dev-dependencies]")
    needs = needs_from(lines, source, Confidence.DECLARED)
    groups = table(poetry, "group")
    for name in choose_for_tests(groups) or _default_groups(groups):
        lines = poetry_requirements(table(groups, name, "dependencies"))
        source = Source(_PYPROJECT, f"[tool.poetry.group.{name}.dependencies]")
        needs += needs_from(lines, source, Confidence.DECLARED)
    return needs


def _default_groups(groups: Mapping[str, Any]) -> list[str]:
    """Return the groups that Poetry installs by default, if they may be for tests."""
    names = []
    for name, group in groups.items():
        is_optional = isinstance(group, dict) and group.get("optional") is True
        if not is_optional and not is_special(name) and not is_for_other_purpose(name):
            names.append(name)
    return names


def _from_hatch(project: Project) -> list[Need]:
    """Read hatch's environments, except for those with another purpose than tests."""
    needs: list[Need] = []
    own_file = parse_toml(project.tree.text(_HATCH))
    for path, prefix, environments in (
        (_PYPROJECT, "tool.hatch.envs", table(project.pyproject, "tool", "hatch", "envs")),
        (_HATCH, "envs", table(own_file, "envs")),
    ):
        for name in environments:
            if is_special(name) or is_for_other_purpose(name):
                continue
            environment = table(environments, name)
            for key in _HATCH_KEYS:
                source = Source(path, f"[{prefix}.{name}] {key}")
                lines = strings(environment.get(key))
                needs += needs_from(lines, source, Confidence.DECLARED)
    return needs


def _from_project(project: Project) -> list[Need]:
    """Read the standard's table; of the extras, those for tests."""
    standard = table(project.pyproject, "project")
    source = Source(_PYPROJECT, "[project] dependencies")
    needs = needs_from(strings(standard.get("dependencies")), source, Confidence.RUNTIME)
    extras = table(standard, "optional-dependencies")
    for name in choose_for_tests(extras):
        source = Source(_PYPROJECT, f"[project.optional-dependencies] {name}")
        lines = resolve_own_extras(extras, name, str(standard.get("name")))
        needs += needs_from(lines, source, Confidence.RUNTIME)
    return needs


def resolve_own_extras(extras: Mapping[str, Any], name: str, package: str) -> list[str]:
    """Return an extra's lines with those of the extras that it names as ``package[other]``."""
    groups: dict[str, Any] = {}
    for extra, lines in extras.items():
        groups[extra] = list(_members(strings(lines), package))
    return _resolve_group(groups, name, set())


def _members(lines: list[str], package: str) -> Iterator[str | dict[str, str]]:
    for line in lines:
        own, bracket, rest = line.partition("[")
        if not bracket or own.strip().lower() != package.lower():
            yield line
            continue
        for name in rest.partition("]")[0].split(","):
            yield {"include-group": name.strip()}


def _from_poetry(project: Project) -> list[Need]:
    lines = poetry_requirements(table(project.pyproject, "tool", "poetry", "dependencies"))
    source = Source(_PYPROJECT, "[tool.poetry.dependencies]")
    return needs_from(lines, source, Confidence.RUNTIME)


def _from_flit(project: Project) -> list[Need]:
    """Read the table that flit had before the standard."""
    metadata = table(project.pyproject, "tool", "flit", "metadata")
    needs: list[Need] = []
    for key, confidence in (
        ("requires", Confidence.RUNTIME),
        ("dev-requires", Confidence.DECLARED),
    ):
        source = Source(_PYPROJECT, f"[tool.flit.metadata] {key}")
        needs += needs_from(strings(metadata.get(key)), source, confidence)
    extras = table(metadata, "requires-extra")
    for name in choose_for_tests(extras):
        source = Source(_PYPROJECT, f"[tool.flit.metadata.requires-extra] {name}")
        needs += needs_from(strings(extras.get(name)), source, Confidence.RUNTIME)
    return needs


def _from_setuptools(project: Project) -> list[Need]:
    """Read the files that setuptools takes dynamic dependencies from."""
    dynamic = table(project.pyproject, "tool", "setuptools", "dynamic")
    extras = table(dynamic, "optional-dependencies")
    stated = [table(dynamic, "dependencies")]
    stated += [table(extras, name) for name in choose_for_tests(extras)]
    needs: list[Need] = []
    for entry in stated:
        files = entry.get("file")
        for path in [files] if isinstance(files, str) else strings(files):
            lines = read_requirement_lines(project.tree, path.removeprefix("./"))
            needs += [Need(line, source, Confidence.RUNTIME) for line, source in lines]
    return needs
