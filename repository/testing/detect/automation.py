"""Read how a repository's automation runs its tests: CI, tox, nox, Makefile and the like.

All files are read as text. Nothing is run, and no YAML is loaded, since hostile documents can
expand without bound. A line is taken for a command if it looks like one.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Literal

from repository.testing.detect.tree import Tree

_FILES = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".travis.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    ".gitlab-ci.yml",
    "tox.ini",
    "noxfile.py",
    "pyproject.toml",
    "Makefile",
    "GNUmakefile",
    "justfile",
    "*.just",
    ".devcontainer/devcontainer.json",
    ".devcontainer.json",
    ".travis/*.sh",
    "ci/*.sh",
    "bin/test_travis.sh",
    "scripts/test*",
    "script/test*",
    "README.md",
    "CONTRIBUTING.md",
)
"""Patterns of the files to read, most reliable first."""
_MAX_DEPTH = 2
_MAX_FILES = 25
_MAX_LINES = 4000
_MAX_COMMAND = 200

_PIP_INSTALL = re.compile(r"\b(?:pip3?|uv pip)\s+install\s+(?P<arguments>.+)")
_NOX_CALL = re.compile(r"session\.(?P<verb>install|run)\((?P<arguments>[^()]*)\)", re.S)
_STRING = re.compile(r"['\"]([^'\"\n]*)['\"]")
_VERSION_MATRIX = re.compile(
    r"^\s*-?\s*(?:python(?:[-_]version)?|env_?list|envlist)\s*[:=](.*)$", re.I
)
_MINOR_VERSION = re.compile(r"3\.(\d+)|\bpy3(\d+)\b")
_KEY_BEFORE_COMMAND = re.compile(r"^(?:-\s*)?(?:run|script|commands|test|install)\s*[:=]\s*\|?")
_COMMAND_IN_PROSE = re.compile(r"(?:\$ )?(?:python|pytest|\./|tox|make|npm|go |cargo )")
_END_OF_COMMAND = re.compile(r"\s(?:&&|\|\||;|\||#|>)")
_CONTINUED_LINE = re.compile(r"\\\n\s*")
_PYTEST_CALL = re.compile(r"\b(?:pytest|py\.test)\b(?!\.)")
_UNITTEST_CALL = re.compile(r"-m\s+unittest\b|\bsetup\.py test\b|-m\s+django\s+test\b")
_REQUIREMENT_OPTIONS = ("-r", "--requirement")
_OTHER_OPTIONS_WITH_VALUE = (
    "-c",
    "--constraint",
    "-f",
    "--find-links",
    "-i",
    "--index-url",
    "--extra-index-url",
)

CalledRunner = Literal["pytest", "unittest", "script"]


@dataclass(frozen=True)
class AutomationLine:
    path: str
    text: str


@dataclass(frozen=True)
class AutomationHints:
    """Commands and installs found in automation, from the most reliable file first."""

    calls: tuple[AutomationLine, ...] = ()
    """Commands that seem to run tests."""
    installs: tuple[AutomationLine, ...] = ()
    """Arguments of pip install: requirements, ``-r FILE`` as ``-rFILE``, ``.[extra]``."""
    minors: tuple[int, ...] = ()
    """Minor versions of Python 3 in version matrices, in order."""

    @property
    def pip_arguments(self) -> list[str]:
        """The texts of ``installs``."""
        return [line.text for line in self.installs]

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
    minors: set[int] = set()
    for path in _automation_files(tree.paths):
        for line in _lines(path, tree.text(path)):
            minors.update(_minors_in_matrix(line))
            command = _KEY_BEFORE_COMMAND.sub("", line).strip()
            if path.endswith(".md") and not _COMMAND_IN_PROSE.match(command):
                continue
            install = _PIP_INSTALL.search(command)
            if install:
                arguments = _parse_pip_arguments(install["arguments"])
                installs += [AutomationLine(path, argument) for argument in arguments]
            elif _runs_tests(command, script):
                calls.append(AutomationLine(path, command[:_MAX_COMMAND]))
    return AutomationHints(tuple(calls), tuple(installs), tuple(sorted(minors)))


def _automation_files(paths: Sequence[str]) -> list[str]:
    """Return the files to read, in order of ``_FILES``."""
    shallow = [path for path in paths if path.count("/") <= _MAX_DEPTH]
    files: dict[str, None] = {}
    for pattern in _FILES:
        for path in shallow:
            if fnmatchcase(path, pattern):
                files[path] = None
    return list(files)[:_MAX_FILES]


def _lines(path: str, text: str) -> list[str]:
    if path.endswith(".py"):
        return _nox_commands(text)
    lines = _CONTINUED_LINE.sub(" ", text).splitlines()[:_MAX_LINES]
    return [line.strip() for line in lines if not line.lstrip().startswith("#")]


def _nox_commands(text: str) -> list[str]:
    """Return the commands that nox sessions run."""
    commands = []
    for call in _NOX_CALL.finditer(text):
        program = "pip install" if call["verb"] == "install" else ""
        commands.append(f"{program} {' '.join(_STRING.findall(call['arguments']))}")
    return commands


def _minors_in_matrix(line: str) -> set[int]:
    matrix = _VERSION_MATRIX.match(line)
    if matrix is None:
        return set()
    return {int(dotted or short) for dotted, short in _MINOR_VERSION.findall(matrix[1])}


def _runs_tests(command: str, script: str) -> bool:
    if _PYTEST_CALL.search(command) or _UNITTEST_CALL.search(command):
        return True
    return bool(script) and PurePosixPath(script).name in command


def _calls_script(command: str, script: str) -> bool:
    name = re.escape(PurePosixPath(script).name)
    return bool(name) and re.search(rf"(?:^|[\s/'\"]){name}\b", command) is not None


def _parse_pip_arguments(text: str) -> list[str]:
    """Return requirements and requirement files; other options are left out."""
    command = _END_OF_COMMAND.split(f"{text} ")[0]
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    arguments = []
    previous = ""
    for word in words:
        if previous in _REQUIREMENT_OPTIONS:
            arguments.append(f"-r{word}")
        elif previous not in _OTHER_OPTIONS_WITH_VALUE and not word.startswith("-"):
            arguments.append(word)
        previous = word
    return arguments
