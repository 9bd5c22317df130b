"""Resolve the scripts of a package.json to the commands that they run in the end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from posixpath import normpath

from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.node.script_calls import BinaryCall, ScriptCall, find_calls
from repository.testing.detect.node.shell_words import Command, Word, join_words, split_commands
from repository.testing.detect.parsing import strings, table

_MAX_DEPTH = 8
_MAX_COMMANDS = 200
_MAX_STEPS = 20_000
"""Scripts and commands over all packages: scripts that call each other take exponential time."""
_WIREIT = "wireit"


@dataclass(frozen=True)
class ScriptCommand:
    """A command of a script, with the folder in which it runs."""

    folder: str
    words: Command
    script: str
    """The name of the script that has it."""


@dataclass(frozen=True)
class _Place:
    """Where a command stands while scripts are resolved."""

    package: PackageJson
    folder: str
    script: str
    depth: int


class ScriptResolver:
    """Resolves scripts over all packages of a repository.

    Args:
        packages: folder -> its package.json.
        members: folder -> the folders of the packages in its workspace.
    """

    def __init__(
        self, packages: Mapping[str, PackageJson], members: Mapping[str, Sequence[str]]
    ) -> None:
        self._packages = packages
        self._members = members
        self._steps_left = _MAX_STEPS

    def resolve(self, folder: str, script: str) -> list[ScriptCommand]:
        """Return the commands of a folder's script, in order; empty if there is no such script."""
        commands: list[ScriptCommand] = []
        for command in self._script(folder, script, (), 0):
            if len(commands) == _MAX_COMMANDS:
                break
            commands.append(command)
        return commands

    def _script(
        self, folder: str, name: str, arguments: Command, depth: int
    ) -> Iterator[ScriptCommand]:
        package = self._packages.get(folder)
        if package is None or depth > _MAX_DEPTH:
            return
        for script in _matching(package.scripts, name):
            if not self._may_continue():
                return
            place = _Place(package, folder, script, depth)
            for hook in (f"pre{script}", script):
                line = package.scripts.get(hook, "")
                if line.strip() == _WIREIT:
                    yield from self._wireit(place, hook)
                    continue
                given = arguments if hook == script else ()
                yield from self._line(place, line, given)

    def _wireit(self, place: _Place, script: str) -> Iterator[ScriptCommand]:
        """Resolve a script that wireit runs: its dependencies in this package, then its command."""
        entry = table(dict(place.package.wireit), script)
        for dependency in strings(entry.get("dependencies")):
            yield from self._script(place.folder, dependency, (), place.depth + 1)
        command = entry.get("command")
        if isinstance(command, str):
            yield from self._line(place, command, ())

    def _line(self, place: _Place, line: str, arguments: Command) -> Iterator[ScriptCommand]:
        commands = split_commands(line)
        if commands:
            commands[-1] = (*commands[-1], *arguments)
        for words in commands:
            if words[0].value == "cd" and len(words) > 1:
                place = replace(place, folder=_join(place.folder, words[1].value))
                continue
            yield from self._command(place, words)

    def _command(self, place: _Place, words: Command) -> Iterator[ScriptCommand]:
        """Resolve a command that calls scripts, also by way of wrappers such as cross-env."""
        if not self._may_continue():
            return
        for position in range(len(words)):
            calls = find_calls(words[position:], place.package.scripts)
            if not calls:
                continue
            assignments = tuple(word for word in words[:position] if word.is_assignment)
            for call in calls:
                yield from self._call(place, call, assignments)
            return
        yield ScriptCommand(place.folder, words, place.script)

    def _may_continue(self) -> bool:
        self._steps_left -= 1
        return self._steps_left > 0

    def _call(
        self, place: _Place, call: ScriptCall | BinaryCall, assignments: Command
    ) -> Iterator[ScriptCommand]:
        if isinstance(call, BinaryCall):
            yield ScriptCommand(place.folder, (*assignments, *call.command), place.script)
            return
        folders: Sequence[str] = [_join(place.folder, call.folder)]
        if call.in_packages:
            folders = self._members.get(place.folder, ())
        for folder in folders:
            for command in self._script(folder, call.script, call.arguments, place.depth + 1):
                yield replace(command, words=(*assignments, *command.words))


def command_line(command: ScriptCommand) -> str:
    return join_words(command.words)


def _matching(scripts: Mapping[str, str], name: str) -> list[str]:
    """Return the scripts that a name or a pattern such as ``test:*`` selects."""
    if name in scripts:
        return [name]
    pattern = name.replace("**", "*")
    return [script for script in scripts if "*" in pattern and fnmatchcase(script, pattern)]


def _join(folder: str, path: str) -> str:
    """Return a folder below another; one outside of the repository counts as the root."""
    joined = normpath(f"{folder}/{path}" if folder else path)
    return "" if joined == "." or joined.startswith(("..", "/")) else joined


__all__ = ["ScriptCommand", "ScriptResolver", "Word", "command_line"]
