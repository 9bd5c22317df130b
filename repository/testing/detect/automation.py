"""Read how a repository's automation runs its tests: CI, tox, nox, Makefile and the like.

All files are read as text. Nothing is run. A line is taken for a command if it looks like one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Literal

from repository.testing.detect.blocks import Line, is_for_other_purpose, is_special, read_lines
from repository.testing.detect.nox import read_noxfile
from repository.testing.detect.pip_commands import FILE_OPTION, install_arguments, is_install
from repository.testing.detect.prose import read_prose
from repository.testing.detect.python_versions import minors_in_matrix
from repository.testing.detect.requirements import Source
from repository.testing.detect.tree import Tree

_NOXFILE = "noxfile.py"
_PYPROJECT = "pyproject.toml"
_SECTIONS_WITH_COMMANDS = re.compile(
    r"tool\.(?:tox|hatch|pdm\.scripts|poe|taskipy|nox|rye\.scripts|pixi|cibuildwheel)"
)
_FILES = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".travis.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    ".gitlab-ci.yml",
    "bitbucket-pipelines.yml",
    "appveyor.yml",
    ".appveyor.yml",
    "tox.ini",
    "tox.toml",
    _NOXFILE,
    _PYPROJECT,
    "Makefile",
    "GNUmakefile",
    "justfile",
    "*.just",
    "Taskfile.yml",
    ".devcontainer/devcontainer.json",
    ".devcontainer.json",
    ".travis/*.sh",
    "ci/*.sh",
    "bin/test_travis.sh",
    "scripts/test*",
    "script/test*",
    "Dockerfile*",
    "*.Dockerfile",
    "*/Dockerfile*",
    "Containerfile",
    "CONTRIBUTING.*",
    ".github/CONTRIBUTING.*",
    "docs/contributing*",
    "docs/*/contributing*",
    "DEVELOPMENT.*",
    "HACKING.*",
    "README*",
    "INSTALL*",
    "setup.sh",
    "install.sh",
    "scripts/setup*",
    "scripts/install*",
)
"""Patterns of the files to read, most reliable first."""
_PROSE = (".md", ".rst", ".markdown", ".txt", ".adoc")
_MAX_DEPTH = 2
_MAX_FILES = 40
_MAX_COMMAND = 200
_MAX_INSTALLS = 500

_KEY_BEFORE_COMMAND = re.compile(r"^(?:-\s*)?(?:run|script|commands|test|install)\s*[:=]\s*\|?")
_SEPARATOR = re.compile(r"\s(?:&&|\|\||;)\s")
_PYTEST_CALL = re.compile(r"\b(?:pytest|py\.test)\b(?!\.)")
_DOCTEST_CALL = re.compile(r"-m\s+doctest\b")
_UNITTEST_CALL = re.compile(r"-m\s+unittest\b|\bsetup\.py test\b|-m\s+django\s+test\b")

CalledRunner = Literal["pytest", "unittest", "script"]


@dataclass(frozen=True)
class AutomationLine:
    path: str
    text: str
    number: int = 0
    """The line in the file, counted from 1."""
    for_tests: bool = True
    """Whether the job, session or section around it may be for tests."""

    @property
    def source(self) -> Source:
        return Source(self.path, line=self.number)

    @property
    def in_nox(self) -> bool:
        return self.path == _NOXFILE


@dataclass(frozen=True)
class AutomationHints:
    """Commands and installs found in automation, from the most reliable file first."""

    calls: tuple[AutomationLine, ...] = ()
    """Commands that seem to run tests."""
    installs: tuple[AutomationLine, ...] = ()
    """Arguments of installs: requirements, ``-r FILE`` as ``-rFILE``, ``.[extra]``."""
    minors: tuple[int, ...] = ()
    """Minor versions of Python 3 in version matrices, in order."""
    minors_source: Source | None = None
    """Where the newest of ``minors`` was found."""

    @property
    def pip_arguments(self) -> list[str]:
        """The texts of the ``installs`` that may be for tests.

        Documents count only if no other file installs the project or a requirement file.
        """
        for_tests = [line for line in self.installs if line.for_tests]
        outside = [line.text for line in for_tests if not _is_prose(line.path)]
        if any(text.startswith((FILE_OPTION, ".")) for text in outside):
            return outside
        return [line.text for line in for_tests]

    def called_runner(self, script: str) -> CalledRunner | None:
        """Return the first runner called; ``script`` is the repository's own, or empty."""
        for call in self.calls:
            if _calls_script(call.text, script):
                return "script"
            if _PYTEST_CALL.search(call.text):
                return "pytest"
            if _UNITTEST_CALL.search(call.text):
                return "unittest"
        return None


def read_automation(tree: Tree, script: str) -> AutomationHints:
    """Read the commands and installs in automation.

    Args:
        tree: The repository's files.
        script: The repository's own test script; empty if there is none.
    """
    calls: list[AutomationLine] = []
    installs: list[AutomationLine] = []
    minors: dict[int, Source] = {}
    for path in _automation_files(tree.paths):
        for line in _lines(path, tree.text(path)):
            for_tests = _may_be_for_tests(path, line)
            if for_tests:
                for minor in minors_in_matrix(path, line):
                    minors.setdefault(minor, Source(path, line=line.number))
            if len(installs) < _MAX_INSTALLS:
                installs += _installs(path, line, for_tests)
            calls += _calls(path, line, script, for_tests)
    return AutomationHints(
        calls=tuple(calls),
        installs=tuple(installs[:_MAX_INSTALLS]),
        minors=tuple(sorted(minors)),
        minors_source=minors[max(minors)] if minors else None,
    )


def _installs(path: str, line: Line, for_tests: bool) -> list[AutomationLine]:
    arguments: list[str] = []
    for command in _commands(line):
        arguments += install_arguments(command)
    return [AutomationLine(path, argument, line.number, for_tests) for argument in arguments]


def _calls(path: str, line: Line, script: str, for_tests: bool) -> list[AutomationLine]:
    """Return the commands of a line that seem to run tests."""
    calls: list[AutomationLine] = []
    for command in _commands(line):
        if not is_install(command) and _runs_tests(command, script):
            calls.append(AutomationLine(path, command[:_MAX_COMMAND], line.number, for_tests))
    return calls


def _automation_files(paths: Sequence[str]) -> list[str]:
    """Return the files to read, in order of ``_FILES``."""
    shallow = [path for path in paths if path.count("/") <= _MAX_DEPTH]
    files: dict[str, None] = {}
    for pattern in _FILES:
        for path in shallow:
            if fnmatchcase(path, pattern) and not is_special(PurePosixPath(path).stem):
                files[path] = None
    return list(files)[:_MAX_FILES]


def _lines(path: str, text: str) -> list[Line]:
    """Return the lines of a file that may matter; lines of special jobs are left out."""
    if path == _NOXFILE:
        lines = read_noxfile(text)
    elif _is_prose(path):
        lines = read_prose(text)
    else:
        lines = read_lines(text)
    if path == _PYPROJECT:
        lines = [line for line in lines if _SECTIONS_WITH_COMMANDS.match(" ".join(line.blocks))]
    return [line for line in lines if not any(map(is_special, line.blocks))]


def _is_prose(path: str) -> bool:
    return path.endswith(_PROSE) or path == "README"


def _may_be_for_tests(path: str, line: Line) -> bool:
    names = (PurePosixPath(path).stem, *line.blocks)
    return line.for_tests and not any(map(is_for_other_purpose, names))


def _commands(line: Line) -> Iterator[str]:
    """Yield the commands of a line, which a shell would run one after the other."""
    for part in _SEPARATOR.split(line.text):
        yield _KEY_BEFORE_COMMAND.sub("", part).strip()


def _runs_tests(command: str, script: str) -> bool:
    if any(call.search(command) for call in (_PYTEST_CALL, _UNITTEST_CALL, _DOCTEST_CALL)):
        return True
    return bool(script) and PurePosixPath(script).name in command


def _calls_script(command: str, script: str) -> bool:
    name = re.escape(PurePosixPath(script).name)
    return bool(name) and re.search(rf"(?:^|[\s/'\"]){name}\b", command) is not None
