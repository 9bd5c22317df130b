"""Read the needs from pip's requirement files for tests."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from repository.testing.detect.requirements import (
    Need,
    declared_needs,
    installable,
    mentioned_needs,
)
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
NOT_FOR_TESTS = re.compile(r"release|doc|lint|mypy|typing|sphinx/|/data/|fixture|bench", re.I)
"""Matches names of files and extras for other purposes."""
_PROJECT_REQUIREMENTS = ("requirements.txt", "requirements/base.txt")
_MAX_DEPTH = 3
_MAX_FILES = 8
_MANY = 25
"""A development file with more requirements also has editors, linters and documentation tools."""

_FILE_OPTION = "-r"
_INCLUDED_FILE = re.compile(r"(?:-r|--requirement)[\s=]*(\S+)")
_END_OF_REQUIREMENT = re.compile(r"\s#|\s--hash")


def from_requirement_files(tree: Tree, pip_arguments: Iterable[str]) -> list[Need]:
    """Read the files that are named after tests and those that are passed to pip.

    Args:
        tree: The repository's files.
        pip_arguments: Arguments that tox and CI pass to pip, including ``-rFILE``.
    """
    paths = _files_for_tests(tree.paths)
    for argument in pip_arguments:
        if argument.startswith(_FILE_OPTION):
            path = _relative_path(argument)
            if not NOT_FOR_TESTS.search(path):
                paths.append(path)
    distinct_paths = dict.fromkeys(path for path in paths if path in tree.sizes)
    needs: list[Need] = []
    for path in list(distinct_paths)[:_MAX_FILES]:
        needs += _read_needs(tree, path)
    return needs


def _files_for_tests(paths: Iterable[str]) -> list[str]:
    """Return the project's own files, then those for tests, starting nearest to the root.

    Development files are used only if there are none for tests.
    """
    project = []
    for_tests = []
    for_development = []
    for path in paths:
        if not _is_requirement_file(path):
            continue
        if path in _PROJECT_REQUIREMENTS:
            project.append(path)
        if _NAMED_FOR_DEVELOPMENT.search(path):
            for_development.append(path)
        elif _NAMED_FOR_WORK.search(path):
            for_tests.append(path)
    return project + sorted(for_tests or for_development, key=_depth_and_length)


def _depth_and_length(path: str) -> tuple[int, int]:
    return path.count("/"), len(path)


def _is_requirement_file(path: str) -> bool:
    if not _REQUIREMENT_FILE.match(path) or NOT_FOR_TESTS.search(path):
        return False
    depth = path.count("/")
    if depth == 0:
        return True
    return depth <= _MAX_DEPTH and _FILE_BELOW_ROOT.search(path) is not None


def _relative_path(option: str) -> str:
    """Return the file of an option ``-r``, relative to the root."""
    path = option.removeprefix(_FILE_OPTION).strip()
    return path.removeprefix("{toxinidir}/").removeprefix("./")


def _read_needs(tree: Tree, path: str) -> list[Need]:
    """Return a file's needs; those in a long development list count only if tests import them."""
    lines = _read_lines(tree, path, set())
    if _NAMED_FOR_TESTS.search(path) or path in _PROJECT_REQUIREMENTS:
        return declared_needs(lines, path)
    if _is_long(lines):
        return mentioned_needs(lines, path)
    return declared_needs(lines, path)


def _is_long(lines: Sequence[str]) -> bool:
    return len(installable(lines)) > _MANY


def _read_lines(tree: Tree, path: str, seen: set[str]) -> list[str]:
    """Return a file's lines, with included files expanded in place."""
    if path in seen or len(seen) > _MAX_FILES:
        return []
    seen.add(path)
    folder = PurePosixPath(path).parent
    lines: list[str] = []
    for raw_line in tree.text(path).splitlines():
        line = _END_OF_REQUIREMENT.split(raw_line)[0]
        line = line.strip().rstrip("\\").strip()
        include = _INCLUDED_FILE.match(line)
        if include is None:
            lines.append(line)
        else:
            included_path = folder / include[1].removeprefix("./")
            lines += _read_lines(tree, str(included_path), seen)
    return lines
