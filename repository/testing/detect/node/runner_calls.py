"""Recognize the programs that npm scripts call: test runners, linters, and what wraps them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from repository.runners import Runner
from repository.testing.detect.node.shell_words import Command, Word, names

#: ``tap`` stands for all test files that can be run one by one.
_RUNNERS: Mapping[str, Runner] = {
    "mocha": "mocha",
    "_mocha": "mocha",
    "ts-mocha": "mocha",
    "mocha-parallel-tests": "mocha",
    "jest": "jest",
    "jest-cli": "jest",
    "vitest": "vitest",
    "jasmine": "jasmine",
    "jasmine-ts": "jasmine",
    "tape": "tap",
    "ava": "tap",
    "uvu": "tap",
    "tap": "tap",
}
_SUBCOMMANDS: Mapping[tuple[str, str], Runner] = {
    ("react-scripts", "test"): "jest",
    ("react-app-rewired", "test"): "jest",
    ("craco", "test"): "jest",
    ("tsdx", "test"): "jest",
    ("dts", "test"): "jest",
    ("wp-scripts", "test-unit-js"): "jest",
    ("vue-cli-service", "test:unit"): "jest",
    ("kcd-scripts", "test"): "jest",
}
"""(program, subcommand) of tools that call a runner with options of their own."""
_RUNNER_FILE = re.compile(
    r"node_modules/(?:\.bin/)?(_?mocha|jest|jest-cli|vitest|jasmine|tape|ava)(?:/|$)"
)
_WRAPPERS = names(
    """
    cross-env cross-env-shell env env-cmd dotenv dotenvx c8 nyc istanbul npx pnpx
    node nodejs ts-node ts-node-esm tsx babel-node esno xvfb-run time electron
    NODE_OPTIONS
    """
)
"""Programs that run the program that their arguments name."""
#: A script that Node runs by itself, if its path is that of a test.
_TEST_SCRIPT = re.compile(r"(?:^|/)(?:tests?|specs?)(?:[./_-]|$)|[._-](?:test|spec)\.")
_NODE_PROGRAMS = names("node nodejs tsx ts-node ts-node-esm babel-node")
_CHECKS = names(
    """
    eslint standard semistandard ts-standard xo tslint jshint prettier biome rome
    oxlint stylelint commitlint markdownlint remark cspell knip depcheck publint
    attw size-limit bundlewatch tsd dtslint flow type-coverage evalmd eclint
    ls-lint lint-staged husky audit npmignore codecov coveralls madge jscpd
    api-extractor typedoc dpdm editorconfig-checker lockfile-lint check-dts
    expect-type sort-package-json gzip-size bundlesize jscs jslint tsfmt echo git aud
    safe-publish-latest ec jsonlint
    dprint cypress playwright es-check vue-tsc svelte-check manypkg syncpack
    codespell
    """
)
"""Linters and the like: they decide nothing about tests, and a change may fail them."""
_CHECK_OPTIONS = names("--noEmit --no-emit")
_NO_TEST_SUBCOMMANDS = names("bench typecheck list init")
_NO_TEST_OPTIONS = names("--typecheck.only --help --version --showConfig")


@dataclass(frozen=True)
class RunnerCall:
    """A command split at the runner that it calls."""

    runner: Runner
    program: Command
    """The words up to the runner's program, and its subcommand if it has one."""
    arguments: Command


def find_runner_call(command: Command) -> RunnerCall | None:
    """Return the call of a known runner in a command, by itself or within wrappers."""
    command = tuple(word for word in command if not word.is_redirection)
    start = _first_word(command)
    if start == len(command):
        return None
    if command[start].program not in _WRAPPERS:
        return _call_at(command, start)
    if any(word.value == "--test" for word in command):
        return _node_test_call(command)
    for position in range(start + 1, len(command)):
        call = _call_at(command, position)
        if call is not None:
            return call
    return _test_script_call(command)


def _test_script_call(command: Command) -> RunnerCall | None:
    """Return the call of a test script without a runner, such as ``node test.js``."""
    for position, word in enumerate(command):
        if word.program in _NODE_PROGRAMS:
            arguments = command[position + 1 :]
            scripts = [word for word in arguments if not word.value.startswith("-")]
            if scripts and _TEST_SCRIPT.search(scripts[-1].value):
                return RunnerCall("tap", command[: position + 1], arguments)
            return None
    return None


def is_check(command: Command) -> bool:
    """Whether a command only checks sources: a linter, a formatter, a check of types."""
    start = _first_word(command)
    if start == len(command):
        return True
    values = [word.value for word in command]
    if not _CHECK_OPTIONS.isdisjoint(values):
        return True
    programs = [command[start].program]
    if programs[0] in _WRAPPERS:
        programs += [word.program for word in command[start + 1 : start + 3]]
    return not _CHECKS.isdisjoint(programs)


def _first_word(command: Command) -> int:
    """Return the position of the first word that is not the assignment of a variable."""
    for position, word in enumerate(command):
        if not word.is_assignment:
            return position
    return len(command)


def _call_at(command: Command, position: int) -> RunnerCall | None:
    word = command[position]
    runner = _runner_of(word)
    end = position + 1
    if runner is None and end < len(command):
        runner = _SUBCOMMANDS.get((word.program, command[end].value))
        end += 1
    if runner is None:
        return None
    if word.value in ("uvu", "tap"):
        # Node runs their test files as well, and then each file's results are known.
        return RunnerCall(runner, (*command[:position], Word("node")), command[end:])
    arguments = command[end:]
    values = {argument.value for argument in arguments}
    if arguments and arguments[0].value in _NO_TEST_SUBCOMMANDS:
        return None
    if not values.isdisjoint(_NO_TEST_OPTIONS):
        return None
    return RunnerCall(runner, command[:end], arguments)


def _runner_of(word: Word) -> Runner | None:
    match = _RUNNER_FILE.search(word.value)
    if match:
        return _RUNNERS[match[1]]
    if "/" in word.value:
        return None
    return _RUNNERS.get(word.value)


def _node_test_call(command: Command) -> RunnerCall | None:
    """Split a call of Node's own runner after the program that is Node."""
    for position, word in enumerate(command):
        if word.program in _NODE_PROGRAMS:
            arguments = tuple(word for word in command[position + 1 :] if word.value != "--test")
            return RunnerCall("node:test", command[: position + 1], arguments)
    return None
