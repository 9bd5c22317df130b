"""Calls of scripts by other scripts: ``npm run unit -- --bail``, ``yarn workspaces run test``."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from repository.testing.detect.node.shell_words import Command, Word, names, split_commands

_MANAGERS = ("npm", "pnpm", "yarn", "bun")
_ALIASES = {"t": "test", "tst": "test"}
_RUN_VERBS = ("run", "run-script")
_EXEC_VERBS = ("exec", "x", "dlx")
_OPTIONS_WITH_VALUE = names(
    """
    --prefix -C --cwd --dir --filter -F -w --workspace --scope --include --exclude
    --from --concurrency --workspace-concurrency
    """
)
_ALL_PACKAGES = names(
    """
    --workspaces -ws -r --recursive recursive workspaces foreach --filter -F -w
    --workspace workspace
    """
)
_FOLDER_OPTIONS = ("--prefix", "-C", "--cwd", "--dir")
_LISTS = names("npm-run-all npm-run-all2 run-s run-p concurrently")
_MONOREPO_TOOLS = names("lerna turbo nx wsrun lage ultra rush")
_MONOREPO_VERBS = names("run run-many affected exec -t --target -r")
_TARGET = re.compile(r"--?(?:targets?|t)=(.+)")


@dataclass(frozen=True)
class ScriptCall:
    """A call of a script of a package.json."""

    script: str
    """Its name, or a pattern such as ``test:*``."""
    arguments: Command = ()
    in_packages: bool = False
    """Whether the script is that of the workspace's packages, rather than of the same file."""
    folder: str = ""
    """The folder of another package.json, relative to the caller's."""


@dataclass(frozen=True)
class BinaryCall:
    """A call of a program by way of a package manager: ``yarn jest``, ``pnpm exec vitest``."""

    command: Command


Call = ScriptCall | BinaryCall


def find_calls(command: Command, scripts: Collection[str]) -> list[Call]:
    """Return the calls that a command makes; empty if it is not a caller.

    ``scripts`` are the names of the scripts in the same package.json.
    """
    if not command:
        return []
    program = command[0].program
    if program in _MANAGERS:
        call = _manager_call(program, command[1:], scripts)
        return [call] if call is not None else []
    if program in _LISTS:
        return _listed_calls(command[1:])
    if program in _MONOREPO_TOOLS:
        return _monorepo_calls(command[1:])
    return []


def _manager_call(program: str, words: Command, scripts: Collection[str]) -> Call | None:
    """Read the arguments of a package manager up to the script's own."""
    rest = list(words)
    in_packages = False
    folder = ""
    runs_program = False
    while rest:
        word = rest.pop(0)
        option, _, value = word.value.partition("=")
        in_packages = in_packages or option in _ALL_PACKAGES
        takes_value = option in _OPTIONS_WITH_VALUE and not value
        if (takes_value or option == "workspace") and rest:
            value = rest.pop(0).value
        if option in _FOLDER_OPTIONS:
            folder = value
        if option in _EXEC_VERBS:
            runs_program = True
        is_verb = option in (*_RUN_VERBS, *_EXEC_VERBS) or option in _ALL_PACKAGES
        if option.startswith("-") or is_verb:
            continue
        name = _ALIASES.get(option, word.value) if program == "npm" else word.value
        is_script = name in scripts or in_packages or folder or name == "test"
        if runs_program or (program != "npm" and not is_script):
            return BinaryCall((word, *_without_separator(rest)))
        arguments, packages = _own_arguments(program, rest)
        return ScriptCall(name, arguments, in_packages or packages, folder)
    return None


def _own_arguments(program: str, words: Sequence[Word]) -> tuple[Command, bool]:
    """Return the script's arguments, and whether npm's among them name the packages."""
    if program != "npm":
        return tuple(_without_separator(words)), False
    values = [word.value for word in words]
    end = values.index("--") if "--" in values else len(words)
    npm_options = {value.partition("=")[0] for value in values[:end]}
    own = [word for word in words[:end] if not word.value.startswith("-")]
    in_packages = not npm_options.isdisjoint(_ALL_PACKAGES)
    return (*(() if in_packages else own), *words[end + 1 :]), in_packages


def _without_separator(words: Sequence[Word]) -> Sequence[Word]:
    return words[1:] if words and words[0].value == "--" else words


def _listed_calls(words: Command) -> list[Call]:
    """Return the calls of programs that run several scripts, each named in one word."""
    calls: list[Call] = []
    for word in words:
        if word.value.startswith("-"):
            continue
        text = word.value.removeprefix("npm:")
        for command in split_commands(text):
            if " " in text and command[0].program in _MANAGERS:
                calls.append(_manager_call(command[0].program, command[1:], ()) or _named(command))
            else:
                calls.append(_named(command))
    return calls


def _named(command: Command) -> ScriptCall:
    return ScriptCall(command[0].value, tuple(_without_separator(command[1:])))


def _monorepo_calls(words: Command) -> list[Call]:
    for word in words:
        target = _TARGET.match(word.value)
        name = target[1] if target else word.value
        if name in _MONOREPO_VERBS or (name.startswith("-") and target is None):
            continue
        # nx also writes package:target.
        return [ScriptCall(name.rpartition(":")[2] or name, in_packages=True)]
    return []
