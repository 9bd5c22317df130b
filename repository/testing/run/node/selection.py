"""Which of a package's commands runs which of the chosen test files."""

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from repository.testing.node_project import NodeCommand
from repository.testing.path_patterns import path_matches

#: Words after the calls of these runners are parts of paths.
_FILTERING_RUNNERS = ("jest", "vitest")

CommandFiles = tuple[NodeCommand, Sequence[str]]


def select_files(commands: Sequence[NodeCommand], tests: Sequence[str]) -> list[CommandFiles]:
    """Return the commands to call, each with the test files to give it (none: those it names).

    A test is run by the commands that name it, else by those that name nothing. If there are none,
    the commands' own files are run: they may load the test.
    """
    if not tests:
        return [(command, ()) for command in commands]
    selected: dict[NodeCommand, list[str]] = {}
    for test in tests:
        naming = [command for command in commands if command.files and _names(command, test)]
        for command in naming or [command for command in commands if not command.files]:
            selected.setdefault(command, []).append(test)
    if not selected:
        return [(command, ()) for command in commands]
    return [(command, selected[command]) for command in commands if command in selected]


def unquote(word: str) -> str:
    """Return a shell word without its quotes."""
    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word


def _names(command: NodeCommand, test: str) -> bool:
    words = [unquote(word).removeprefix("./").rstrip("/") for word in command.files]
    if command.runner in _FILTERING_RUNNERS:
        return any(word.strip("^$\\") in test or "*" in word for word in words)
    return any(_is_named(test, word) for word in words)


def _is_named(test: str, word: str) -> bool:
    if word in ("", ".") or PurePosixPath(test).is_relative_to(word):
        return True
    return test == f"{word}.js" or path_matches(test, word)
