"""Collect the requirements of a Python repository's tests from all its files.

Files are read, never run. There is one function per source, which returns the needs with the place
where each was found.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.parsing import setup_argument, strings, table, unconditional_lines
from repository.testing.detect.project import Project
from repository.testing.detect.requirement_files import NOT_FOR_TESTS, from_requirement_files
from repository.testing.detect.requirements import (
    Confidence,
    Need,
    choose_for_tests,
    declared_needs,
    installable,
    mentioned_needs,
    package_name,
)
from repository.testing.detect.test_code import find_modules, find_plugins
from repository.testing.detect.tree import Tree

_MAX_REQUIREMENTS = 120
_FOLDER_WITH_EXTRAS = re.compile(r"^(?:-e\s*)?\.\[([\w,. -]+)\]")
_CONDA_FILE = re.compile(
    r"^(?:[\w.-]*/){0,3}(?:environment[\w.-]*|[\w.-]*(?:require|env|dev|py3)[\w.-]*)\.ya?ml$", re.I
)
_CONDA_ITEM = re.compile(r"[ \t]{0,8}-[ \t]{1,8}([A-Za-z0-9][\w.-]*)[ \t]*(?:[=<>!~].*)?(?:#.*)?$")
_MAX_CONDA_FILES = 8
_MAX_CONDA_LINE = 500


@dataclass(frozen=True)
class TestNeeds:
    """The requirements to install for the tests."""

    __test__ = False

    requirements: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    """Extras of the repository's own package, in addition to those for tests."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Module that the tests import -> requirement that provides it, if it is missing."""


def find_needs(
    project: Project,
    hints: AutomationHints,
    tests: Mapping[str, str],
) -> list[Need]:
    """Return the needs from all sources; of several for one package, the first counts.

    Args:
        project: The packaging files.
        hints: The installs in automation.
        tests: path -> text of the test files and of the files that they share.
    """
    return [
        *from_automation(hints),
        *from_conda(project.tree),
        *from_requirement_files(project.tree, _installed_lines(project, hints)),
        *from_dependency_groups(project),
        *from_poetry(project),
        *from_hatch(project),
        *from_setup(project),
        *from_tox(project),
        *from_test_code(project, tests),
    ]


def select_needs(
    needs: Sequence[Need],
    project: Project,
    hints: AutomationHints,
    tests: Mapping[str, str],
) -> TestNeeds:
    """Select what to install: declared needs, and mentioned needs that tests import.

    The repository's own package is never installed from an index; a need for it with extras adds
    these extras.
    """
    own_name = canonicalize_name(project.package.name)
    declared_lines = _lines(needs, Confidence.DECLARED)
    mentioned_lines: dict[str, str] = {}
    for line in _lines(needs, Confidence.MENTIONED):
        mentioned_lines[package_name(line)] = line

    requirements = []
    for line in declared_lines:
        if package_name(line) != own_name:
            requirements.append(line)

    extras = _extras_of_folder(_installed_lines(project, hints))
    for line in installable([*declared_lines, *mentioned_lines.values()]):
        if package_name(line) == own_name:
            extras |= Requirement(line).extras
    return TestNeeds(
        requirements=tuple(requirements[:_MAX_REQUIREMENTS]),
        extras=tuple(sorted(filter(_is_for_tests, extras))),
        modules=find_modules(tests, project.tree.paths, mentioned_lines),
    )


def from_automation(hints: AutomationHints) -> list[Need]:
    needs: list[Need] = []
    for install in hints.installs:
        needs += mentioned_needs([install.text], install.path)
    return needs


def from_conda(tree: Tree) -> list[Need]:
    """Read conda's files, those nearest to the root first.

    Only names are used, since conda has its own syntax for versions.
    """
    paths = filter(_CONDA_FILE.match, tree.paths)
    by_depth = sorted(paths, key=lambda path: path.count("/"))
    needs: list[Need] = []
    for path in by_depth[:_MAX_CONDA_FILES]:
        needs += mentioned_needs(_conda_names(tree.text(path)), path)
    return needs


def from_dependency_groups(project: Project) -> list[Need]:
    """Read the test groups of PEP 735 and of pdm, which had them earlier."""
    needs: list[Need] = []
    for keys in (("dependency-groups",), ("tool", "pdm", "dev-dependencies")):
        groups = table(project.pyproject, *keys)
        for name in choose_for_tests(groups):
            lines = _resolve_group(groups, name, set())
            needs += declared_needs(lines, f"pyproject.toml [{'.'.join(keys)}] {name}")
    return needs


def from_poetry(project: Project) -> list[Need]:
    """Read only names from poetry's groups, since poetry has its own syntax for versions."""
    poetry = table(project.pyproject, "tool", "poetry")
    packages = dict(table(poetry, "dev-dependencies"))
    packages.pop("python", None)
    needs = declared_needs(packages, "pyproject.toml [tool.poetry.dev-dependencies]")
    groups = table(poetry, "group")
    for name in choose_for_tests(groups):
        packages = table(groups, name, "dependencies")
        needs += declared_needs(packages, f"pyproject.toml [tool.poetry.group.{name}]")
    return needs


def from_hatch(project: Project) -> list[Need]:
    environments = table(project.pyproject, "tool", "hatch", "envs")
    needs: list[Need] = []
    for name in environments:
        environment = table(environments, name)
        for key in ("dependencies", "extra-dependencies"):
            lines = strings(environment.get(key))
            needs += declared_needs(lines, f"pyproject.toml [tool.hatch.envs.{name}] {key}")
    return needs


def from_setup(project: Project) -> list[Need]:
    """Read ``tests_require`` from setup.py and setup.cfg."""
    in_setup_py = setup_argument(project.setup_py, "tests_require")
    in_setup_cfg = project.setup_cfg.get("options", "tests_require", fallback="")
    return [
        *declared_needs(in_setup_py, "setup.py tests_require"),
        *declared_needs(unconditional_lines(in_setup_cfg), "setup.cfg tests_require"),
    ]


def from_tox(project: Project) -> list[Need]:
    return declared_needs(project.tox_dependencies, "tox.ini [testenv] deps")


def from_test_code(project: Project, tests: Mapping[str, str]) -> list[Need]:
    """Return the pytest plugins that tests and pytest's configuration use, declared or not."""
    needs: list[Need] = []
    for plugin in find_plugins(tests, project.pytest_config):
        needs += declared_needs([plugin.package], plugin.reason)
    return needs


def _lines(needs: Iterable[Need], confidence: Confidence) -> list[str]:
    """Return the installable lines of the needs with this confidence."""
    return installable(need.line for need in needs if need.confidence is confidence)


def _installed_lines(project: Project, hints: AutomationHints) -> list[str]:
    """Return the arguments that tox and CI pass to pip."""
    return [*project.tox_dependencies, *hints.pip_arguments]


def _extras_of_folder(lines: Iterable[str]) -> set[str]:
    """Return the extras with which the repository's own folder is installed."""
    extras: set[str] = set()
    for line in lines:
        folder = _FOLDER_WITH_EXTRAS.match(line)
        if folder:
            names = folder[1].split(",")
            extras.update(name.strip() for name in names)
    return extras


def _is_for_tests(extra: str) -> bool:
    return NOT_FOR_TESTS.search(extra) is None


def _conda_names(text: str) -> list[str]:
    _, _, dependencies = text.partition("dependencies:")
    names = []
    for line in dependencies.splitlines():
        if len(line) > _MAX_CONDA_LINE:
            continue
        item = _CONDA_ITEM.match(line)
        if item and item[1].lower() not in ("python", "pip"):
            names.append(item[1])
    return names


def _resolve_group(groups: Mapping[str, Any], name: str, seen: set[str]) -> list[str]:
    """Return a group's lines with those of the groups it includes, each group once.

    ``packaging.dependency_groups`` rejects a group for one invalid line, and duplicates groups that
    are included twice: hostile files could expand without bound.
    """
    members = groups.get(name)
    if name in seen or not isinstance(members, list):
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
