"""Read the needs from pip's requirement files, and those of pip-tools (``.in``)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from repository.testing.detect.pip_commands import FILE_OPTION
from repository.testing.detect.requirements import (
    Confidence,
    Need,
    Source,
    installable,
    parse_requirement,
)
from repository.testing.detect.tree import Tree

_REQUIREMENT_FILE = re.compile(
    r"^[\w./-]*(?:require|test|dev|ci\b|(?:^|/)(?:deps|dependencies)[./])[\w./-]*\.(?:txt|in|pip)$",
    re.I,
)
_FOLDER = re.compile(r"(?:^|/)(?:requirements?|reqs?|requires|deps)/", re.I)
_FILE_IN_TEST_FOLDER = re.compile(
    r"^(?:tests?|testing|ci|\.ci)/[\w-]*(?:require|test|dev|deps)[\w-]*\.(?:txt|in)$", re.I
)
_NAMED_FOR_TESTS = re.compile(r"(?<!la)test|\bci\b", re.I)
_NAMED_FOR_DEVELOPMENT = re.compile(r"dev|local", re.I)
NOT_FOR_TESTS = re.compile(r"release|doc|lint|mypy|typing|sphinx/|/data/|fixture|bench", re.I)
"""Matches names of files and extras for other purposes."""
_SPECIAL = re.compile(
    r"binder|constraint|example|min(?![a-z])|minver|minimum|oldest|lowest|pinned|publish|flake8",
    re.I,
)
"""Matches names of files that hold versions for a special purpose."""
_RUNTIME_NAMES = re.compile(
    r"(?:^|/)(?:(?:pip-)?requirements?|base|common|core|default|main|app|all|prod(?:uction)?|runtime"
    r"|install|py3|deps|dependencies)(?:[._-](?:base|common|core|app|prod(?:uction)?|runtime|all))?"
    r"\.(?:txt|in|pip)$",
    re.I,
)
_PROJECT_REQUIREMENTS = ("requirements.txt", "requirements.in", "requirements/base.txt")
_MAX_DEPTH = 3
_MAX_PATH = 250
_MAX_FILES = 10
_MAX_LINES = 1000
_MANY = 25
"""A development file with more requirements also has editors, linters and documentation tools."""

_INCLUDED_FILE = re.compile(r"(-r|--requirement|-c|--constraint)[\s=]*(\S+)")
_CONSTRAINT_OPTIONS = ("-c", "--constraint")
_END_OF_REQUIREMENT = re.compile(r"\s#|\s--hash")
_FROM_ADDRESS = re.compile(
    r"^([A-Za-z0-9][\w.-]{0,80})(?:\[[\w, -]{0,80}\])?\s*@\s*\S|#egg=([\w.-]{1,80})"
)


@dataclass
class _Lines:
    """What a requirement file holds, with the files that it includes."""

    requirements: list[tuple[str, Source]] = field(default_factory=list)
    constraints: dict[str, SpecifierSet] = field(default_factory=dict)
    """Normalized package name -> versions."""
    paths: set[str] = field(default_factory=set)
    """The requirement files that were read."""
    constraint_paths: set[str] = field(default_factory=set)
    """The constraint files that were read."""


def from_requirement_files(tree: Tree, pip_arguments: Iterable[str]) -> list[Need]:
    """Read the project's files, those named after tests, and those that are passed to pip.

    Args:
        tree: The repository's files.
        pip_arguments: Arguments that tox and CI pass to pip, including ``-rFILE``.
    """
    passed: dict[str, None] = {}
    for argument in pip_arguments:
        if argument.startswith(FILE_OPTION):
            path = _relative_path(argument, tree)
            if path in tree.sizes and not NOT_FOR_TESTS.search(path):
                passed[path] = None
    paths = dict.fromkeys([*_chosen_files(tree.paths), *passed])
    needs: list[Need] = []
    for path in list(paths)[:_MAX_FILES]:
        needs += _read_needs(tree, path, is_passed=path in passed)
    return needs


def is_project_file(path: str) -> bool:
    """Whether a path is that of a requirement file for running the project."""
    is_other = _NAMED_FOR_TESTS.search(path) or _NAMED_FOR_DEVELOPMENT.search(path)
    return not is_other and _is_requirement_file(path) and _RUNTIME_NAMES.search(path) is not None


def read_requirement_lines(tree: Tree, path: str) -> list[tuple[str, Source]]:
    """Return the lines of a file and those that it includes, each with its place."""
    lines = _Lines()
    _read_into(lines, tree, path)
    return [(_constrained(line, lines.constraints), source) for line, source in lines.requirements]


def _chosen_files(paths: Iterable[str]) -> list[str]:
    """Return the project's own files, then those for tests, starting nearest to the root.

    Development files are used only if there are none for tests.
    """
    project = []
    for_tests = []
    for_development = []
    known = set(paths)
    for path in sorted(known, key=_depth_and_length):
        if not _is_requirement_file(path) or _is_compiled_elsewhere(path, known):
            continue
        if _NAMED_FOR_TESTS.search(path):
            for_tests.append(path)
        elif _NAMED_FOR_DEVELOPMENT.search(path):
            for_development.append(path)
        elif _RUNTIME_NAMES.search(path):
            project.append(path)
    return project + (for_tests or for_development)


def _is_compiled_elsewhere(path: str, known: set[str]) -> bool:
    """Whether a file of pip-tools has a compiled one beside it."""
    stem, dot, suffix = path.rpartition(".")
    return suffix == "in" and f"{stem}{dot}txt" in known


def _depth_and_length(path: str) -> tuple[int, int, str]:
    return path.count("/"), len(path), path


def _is_requirement_file(path: str) -> bool:
    if len(path) > _MAX_PATH:
        return False
    if NOT_FOR_TESTS.search(path) or _SPECIAL.search(path) or not _REQUIREMENT_FILE.match(path):
        return False
    depth = path.count("/")
    if depth == 0:
        return True
    if depth > _MAX_DEPTH:
        return False
    if _FILE_IN_TEST_FOLDER.match(path):
        return True
    name = PurePosixPath(path).name
    is_named = any(
        pattern.search(name)
        for pattern in (_NAMED_FOR_TESTS, _NAMED_FOR_DEVELOPMENT, _RUNTIME_NAMES)
    )
    return is_named and _FOLDER.search(path) is not None


def _relative_path(option: str, tree: Tree) -> str:
    """Return the file of an option ``-r``, relative to the root.

    In a container or after a variable, the file is the one that the end of its path names.
    """
    path = option.removeprefix(FILE_OPTION).strip()
    for prefix in ("{toxinidir}/", "{tox_root}/", "./"):
        path = path.removeprefix(prefix)
    if path.startswith(("/", "$")):
        parts = path.split("/")[-_MAX_DEPTH:]
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        return next((end for end in ends if end in tree.sizes), path)
    return path


def _read_needs(tree: Tree, path: str, *, is_passed: bool) -> list[Need]:
    """Return a file's needs; those of a long development list count only if they are imported."""
    lines = read_requirement_lines(tree, path)
    confidence = _confidence_of(path, lines, is_passed=is_passed)
    needs = [Need(line, source, confidence) for line, source in lines]
    for line, source in lines:
        address = _FROM_ADDRESS.search(line)
        if address is not None:
            needs.append(Need(address[1] or address[2], source, Confidence.MENTIONED))
    return needs


def _confidence_of(
    path: str, lines: Iterable[tuple[str, Source]], *, is_passed: bool
) -> Confidence:
    """Return what a file is for; ``is_passed``: whether automation passes it to pip."""
    if _NAMED_FOR_TESTS.search(path) or path in _PROJECT_REQUIREMENTS:
        return Confidence.DECLARED
    is_long = _is_long(lines)
    if is_passed and not is_long:
        return Confidence.DECLARED
    if _RUNTIME_NAMES.search(path):
        return Confidence.RUNTIME
    return Confidence.MENTIONED if is_long else Confidence.DECLARED


def _is_long(lines: Iterable[tuple[str, Source]]) -> bool:
    return len(installable(line for line, _ in lines)) > _MANY


def _read_into(lines: _Lines, tree: Tree, path: str) -> None:
    """Add a file's lines, with included files in place."""
    if path in lines.paths or len(lines.paths) >= _MAX_FILES:
        return
    lines.paths.add(path)
    for number, line in enumerate(tree.text(path).splitlines()[:_MAX_LINES], start=1):
        line = _END_OF_REQUIREMENT.split(line)[0].strip().rstrip("\\").strip()
        include = _INCLUDED_FILE.match(line)
        if include is None:
            if line and not line.startswith("#"):
                lines.requirements.append((line, Source(path, line=number)))
            continue
        included_path = _joined(path, include[2])
        if include[1] in _CONSTRAINT_OPTIONS:
            _read_constraints(lines, tree, included_path)
        else:
            _read_into(lines, tree, included_path)


def _read_constraints(lines: _Lines, tree: Tree, path: str) -> None:
    if path in lines.constraint_paths or len(lines.constraint_paths) >= _MAX_FILES:
        return
    lines.constraint_paths.add(path)
    for line in tree.text(path).splitlines()[:_MAX_LINES]:
        text = _END_OF_REQUIREMENT.split(line)[0].strip().rstrip("\\").strip()
        requirement = parse_requirement(text)
        if requirement is not None and requirement.marker is None:
            lines.constraints[canonicalize_name(requirement.name)] = requirement.specifier


def _constrained(line: str, constraints: dict[str, SpecifierSet]) -> str:
    """Return a line with the versions of the constraint files, if it states none."""
    if not constraints:
        return line
    requirement = parse_requirement(line)
    if requirement is None:
        return line
    if not requirement.specifier and not requirement.url:
        requirement.specifier = constraints.get(
            canonicalize_name(requirement.name), requirement.specifier
        )
    return str(requirement)


def _joined(path: str, relative: str) -> str:
    """Return the path of a file that is named relative to another file's folder."""
    parts = list(PurePosixPath(path).parent.parts)
    for part in PurePosixPath(relative).parts:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
