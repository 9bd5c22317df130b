"""What a Python repository's tests need installed, from every file that says so.

Files are read, never run. Each source is a function that returns what it asks for, and names the
place where it says so.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.parsing import setup_argument, strings, table, unconditional_lines
from repository.testing.detect.project import Project
from repository.testing.detect.requirements import choose_for_tests, installable, package_name
from repository.testing.detect.test_code import find_modules, find_plugins
from repository.testing.detect.tree import Tree

_REQUIREMENT_FILE = re.compile(r"^[\w./-]*(?:require|test|dev|ci\b)[\w./-]*\.txt$", re.I)
_FILE_BELOW_ROOT = re.compile(
    r"(?:^|/)requirements?/(?:[\w-]*(?:test|dev|ci)[\w-]*|all|base|py3|testing/all)\.txt$"
    r"|^(?:tests?|testing|ci|\.ci)/[\w-]*(?:require|test|dev)[\w-]*\.txt$",
    re.I,
)
_NAMED_FOR_TESTS = re.compile(r"test|\bci\b", re.I)
_NAMED_FOR_WORK = re.compile(r"test|dev|\bci\b", re.I)
_NAMED_FOR_DEVELOPMENT = re.compile(r"dev", re.I)
_NOT_FOR_TESTS = re.compile(r"release|doc|lint|mypy|typing|sphinx/|/data/|fixture|bench", re.I)
_PROJECT_REQUIREMENTS = ("requirements.txt", "requirements/base.txt")
_MAX_DEPTH = 3
_MAX_FILES = 8
_MAX_REQUIREMENTS = 120
_MANY = 25
"""A file for development with more requirements names editors, linters and tools for docs."""

_INCLUDED_FILE = re.compile(r"(?:-r|--requirement)[\s=]*(\S+)")
_END_OF_REQUIREMENT = re.compile(r"\s#|\s--hash")
_FOLDER_WITH_EXTRAS = re.compile(r"^(?:-e\s*)?\.\[([\w,. -]+)\]")

_CONDA_FILE = re.compile(
    r"^(?:[\w.-]*/){0,3}(?:environment[\w.-]*|[\w.-]*(?:require|env|dev|py3)[\w.-]*)\.ya?ml$", re.I
)
_CONDA_ITEM = re.compile(r"[ \t]{0,8}-[ \t]{1,8}([A-Za-z0-9][\w.-]*)[ \t]*(?:[=<>!~].*)?(?:#.*)?$")
_MAX_CONDA_LINE = 500


class Confidence(StrEnum):
    DECLARED = "declared"
    """For tests, or for all work on the repository: it is installed."""
    MENTIONED = "mentioned"
    """For something: it is installed where a test imports it."""


@dataclass(frozen=True)
class Need:
    line: str
    """A requirement as written; what is none is ignored."""
    source: str
    """Where it is written, for a person."""
    confidence: Confidence = Confidence.DECLARED


@dataclass(frozen=True)
class TestNeeds:
    """What is installed for the tests."""

    __test__ = False

    requirements: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    """Of the repository's own package, beside those for tests."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Module that the tests import -> requirement that provides it, if it is missing."""


def find_needs(project: Project, hints: AutomationHints, tests: Mapping[str, str]) -> list[Need]:
    """Return all that any source asks for; of several for one package, the first counts.

    Args:
        project: The packaging files.
        hints: What automation installs.
        tests: path -> text of the test files, and of the files that they share.
    """
    return [
        *from_automation(hints),
        *from_conda(project.tree),
        *from_requirement_files(project, hints),
        *from_dependency_groups(project),
        *from_poetry(project),
        *from_hatch(project),
        *from_setup(project),
        *from_tox(project),
        *from_test_code(project, tests),
    ]


def select_needs(
    needs: Sequence[Need], project: Project, hints: AutomationHints, tests: Mapping[str, str]
) -> TestNeeds:
    """Return what is installed: what is declared, and what tests import of what is mentioned.

    The repository itself is never installed from a package index; what asks for it with extras asks
    for its extras.
    """
    declared = installable(_lines(needs, Confidence.DECLARED))
    mentioned = {
        package_name(line): line for line in installable(_lines(needs, Confidence.MENTIONED))
    }
    own_name = canonicalize_name(project.package.name)
    requirements = [line for line in declared if package_name(line) != own_name]
    extras = _extras_of_folder(project, hints)
    for line in installable([*declared, *mentioned.values()]):
        if package_name(line) == own_name:
            extras |= set(Requirement(line).extras)
    return TestNeeds(
        requirements=tuple(requirements[:_MAX_REQUIREMENTS]),
        extras=tuple(sorted(extra for extra in extras if not _NOT_FOR_TESTS.search(extra))),
        modules=find_modules(tests, project.tree.paths, mentioned),
    )


def from_automation(hints: AutomationHints) -> list[Need]:
    return [Need(line.text, line.path, Confidence.MENTIONED) for line in hints.installs]


def from_conda(tree: Tree) -> list[Need]:
    """Read conda's files, the nearest to the root first: names alone, as conda writes versions in
    its own way.
    """
    files = [path for path in tree.paths if _CONDA_FILE.match(path)]
    files.sort(key=lambda path: path.count("/"))
    needs = []
    for path in files[:_MAX_FILES]:
        for name in _conda_names(tree.text(path)):
            needs.append(Need(name, path, Confidence.MENTIONED))
    return needs


def from_requirement_files(project: Project, hints: AutomationHints) -> list[Need]:
    """Read pip's requirement files: those named for tests, and those that tox or CI install."""
    paths = _requirement_files(project.tree.paths)
    for line in [*_tox_lines(project), *(install.text for install in hints.installs)]:
        if line.startswith("-r"):
            path = _relative_path(line)
            if not _NOT_FOR_TESTS.search(path):
                paths.append(path)
    existing = [path for path in dict.fromkeys(paths) if path in project.tree.sizes]
    needs = []
    for path in existing[:_MAX_FILES]:
        lines = _read_requirements(project.tree, path, set())
        confidence = _confidence_in(path, lines)
        needs += [Need(line, path, confidence) for line in lines]
    return needs


def from_dependency_groups(project: Project) -> list[Need]:
    """Read the groups for tests of PEP 735, and those of pdm before it."""
    needs = []
    for keys in (("dependency-groups",), ("tool", "pdm", "dev-dependencies")):
        groups = table(project.pyproject, *keys)
        for name in choose_for_tests(groups):
            source = f"pyproject.toml [{'.'.join(keys)}] {name}"
            needs += [Need(line, source) for line in _resolve_group(groups, name, set())]
    return needs


def from_poetry(project: Project) -> list[Need]:
    """Read poetry's groups: names alone, as poetry writes versions in its own way."""
    poetry = table(project.pyproject, "tool", "poetry")
    needs = [
        Need(name, "pyproject.toml [tool.poetry.dev-dependencies]")
        for name in table(poetry, "dev-dependencies")
        if name != "python"
    ]
    for group in choose_for_tests(table(poetry, "group")):
        source = f"pyproject.toml [tool.poetry.group.{group}]"
        needs += [Need(name, source) for name in table(poetry, "group", group, "dependencies")]
    return needs


def from_hatch(project: Project) -> list[Need]:
    environments = table(project.pyproject, "tool", "hatch", "envs")
    needs = []
    for name in environments:
        environment = table(environments, name)
        for key in ("dependencies", "extra-dependencies"):
            source = f"pyproject.toml [tool.hatch.envs.{name}] {key}"
            needs += [Need(line, source) for line in strings(environment.get(key))]
    return needs


def from_setup(project: Project) -> list[Need]:
    """Read ``tests_require`` of setup.py and setup.cfg."""
    in_python = setup_argument(project.setup_py, "tests_require")
    in_cfg = unconditional_lines(project.setup_cfg.get("options", "tests_require", fallback=""))
    return [
        *[Need(line, "setup.py tests_require") for line in in_python],
        *[Need(line, "setup.cfg tests_require") for line in in_cfg],
    ]


def from_tox(project: Project) -> list[Need]:
    return [Need(line, "tox.ini [testenv] deps") for line in _tox_lines(project)]


def from_test_code(project: Project, tests: Mapping[str, str]) -> list[Need]:
    """Return the pytest plugins that tests and pytest's configuration use, declared or not."""
    plugins = find_plugins(tests, project.pytest_config)
    return [Need(plugin.package, plugin.reason) for plugin in plugins]


def _lines(needs: Iterable[Need], confidence: Confidence) -> list[str]:
    return [need.line for need in needs if need.confidence is confidence]


def _tox_lines(project: Project) -> list[str]:
    return unconditional_lines(project.tox.get("testenv", "deps", fallback=""))


def _conda_names(text: str) -> list[str]:
    names = []
    for line in text.partition("dependencies:")[2].splitlines():
        item = _CONDA_ITEM.match(line) if len(line) <= _MAX_CONDA_LINE else None
        if item and item[1].lower() not in ("python", "pip"):
            names.append(item[1])
    return names


def _requirement_files(paths: Iterable[str]) -> list[str]:
    """Return what the project itself needs, then files for tests, the nearest to the root first;
    those for development only if there are no others.
    """
    files = [path for path in paths if _is_requirement_file(path)]
    own = [path for path in files if path in _PROJECT_REQUIREMENTS]
    for_work = [path for path in files if _NAMED_FOR_WORK.search(path)]
    for_work.sort(key=lambda path: (path.count("/"), len(path)))
    for_tests = [path for path in for_work if not _NAMED_FOR_DEVELOPMENT.search(path)]
    return own + (for_tests or for_work)


def _is_requirement_file(path: str) -> bool:
    if not _REQUIREMENT_FILE.match(path) or _NOT_FOR_TESTS.search(path):
        return False
    depth = path.count("/")
    return depth == 0 or (depth <= _MAX_DEPTH and _FILE_BELOW_ROOT.search(path) is not None)


def _confidence_in(path: str, lines: Sequence[str]) -> Confidence:
    """Return how far a file's requirements are for tests. Of a long list for development, tests
    import what they need.
    """
    if _NAMED_FOR_TESTS.search(path) or path in _PROJECT_REQUIREMENTS:
        return Confidence.DECLARED
    return Confidence.MENTIONED if len(installable(lines)) > _MANY else Confidence.DECLARED


def _relative_path(option: str) -> str:
    """Return the file of an option ``-r``, relative to the root."""
    path = option.removeprefix("-r").strip()
    return path.removeprefix("{toxinidir}/").removeprefix("./")


def _read_requirements(tree: Tree, path: str, seen: set[str]) -> list[str]:
    """Return the lines of a requirement file, and in their places those of the files it includes."""
    if path in seen or len(seen) > _MAX_FILES:
        return []
    seen.add(path)
    lines: list[str] = []
    for line in tree.text(path).splitlines():
        requirement = _END_OF_REQUIREMENT.split(line)[0].strip().rstrip("\\").strip()
        include = _INCLUDED_FILE.match(requirement)
        if include:
            included = PurePosixPath(path).parent / include[1].removeprefix("./")
            lines += _read_requirements(tree, str(included), seen)
        else:
            lines.append(requirement)
    return lines


def _resolve_group(groups: Mapping[str, Any], name: str, seen: set[str]) -> list[str]:
    """Return a group's lines with those of the groups it includes, each group once.

    ``packaging.dependency_groups`` refuses a group for one wrong line, and doubles what is included
    twice: hostile files could grow without bound.
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
            lines += _resolve_group(groups, str(member.get("include-group")), seen)
    return lines


def _extras_of_folder(project: Project, hints: AutomationHints) -> set[str]:
    """Return the extras with which tox and CI install the repository's own folder."""
    extras: set[str] = set()
    for line in [*_tox_lines(project), *(install.text for install in hints.installs)]:
        match = _FOLDER_WITH_EXTRAS.match(line)
        if match:
            extras |= {extra.strip() for extra in match[1].split(",")}
    return extras
