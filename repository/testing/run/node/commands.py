"""The command line that runs a package's tests: its own command, with a reporter of ours added."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from repository.runners import Runner
from repository.testing.node_preparation import preparation_script
from repository.testing.node_project import NodeCommand, NodeProject

_REPORTERS = Path(__file__).with_name("reporters")
_REPORTER_FILES: Mapping[Runner, str] = {
    "mocha": "mocha.cjs",
    "jest": "jest.cjs",
    "vitest": "vitest.mjs",
    "node:test": "node_test.mjs",
    "jasmine": "jasmine.cjs",
    "tap": "tap.cjs",
}
_FINISH = """\
code=0
finish() {  # exit code of a runner, its name
  [ "$1" -eq 0 ] || code=1
  tail -n 1 "$REPORT/node.jsonl" 2>/dev/null | grep -q '^{"end":true}' && return
  printf '{"unfinished": "%s"}\\n' "$2" >> "$REPORT/node.jsonl"
  code=1
}
"""
"""A runner that ends without our reporter's last line has crashed; its exit code may be any."""


def test_script(projects: Sequence[NodeProject], folder: str, tests: Sequence[str]) -> str:
    """Return the shell text that runs a package's tests (none: all), with its report."""
    project = next(project for project in projects if project.folder == folder)
    runners = dict.fromkeys(command.runner for command in project.commands)
    parts = [_reporter_text(runner) for runner in runners]
    parts += [preparation_script(projects, folder), _FINISH]
    for command in project.commands:
        line = command_line(command, tests)
        parts.append(f"echo {shlex.quote('$ ' + line)}\n{line}\nfinish $? {command.runner}\n")
    parts.append("exit $code\n")
    return "".join(parts)


def command_line(command: NodeCommand, tests: Sequence[str]) -> str:
    """Return the call of a runner with our reporter; ``tests`` replace the files that it names."""
    files = [shlex.quote(test) for test in tests] or list(command.files)
    if command.runner == "tap":
        return _file_by_file(command, files)
    options = list(command.options)
    if tests and command.runner == "jest":
        options.append("--runTestsByPath")
    return " ".join([*command.program, *_ARGUMENTS[command.runner](options, files)])


def _file_by_file(command: NodeCommand, files: Sequence[str]) -> str:
    """Return the call of our program that runs each file and reads the TAP that it prints."""
    words = [word for file in files for word in _split(file)]
    line = shlex.quote(" ".join([*command.program, *command.options]))
    return " ".join(['node "$REPORT/tap.cjs"', line, *map(shlex.quote, words)])


def _split(word: str) -> list[str]:
    """Return a shell word without its quotes."""
    try:
        return shlex.split(word)
    except ValueError:
        return [word]


def _reporter_text(runner: Runner) -> str:
    name = _REPORTER_FILES[runner]
    text = (_REPORTERS / name).read_text()
    return f"cat > \"$REPORT/{name}\" <<'END_OF_REPORTER'\n{text}END_OF_REPORTER\n"


def _mocha(options: list[str], files: list[str]) -> list[str]:
    ours = ["--reporter", '"$REPORT/mocha.cjs"', "--timeout", "$EACH_MS"]
    return [*options, *ours, *files]


def _jest(options: list[str], files: list[str]) -> list[str]:
    """Return the arguments; options that take several values must not stand before the files."""
    ours = ["--ci", '--reporters="$REPORT/jest.cjs"', "--reporters=default", "--runInBand"]
    return [*files, *options, *ours, "--testTimeout=$EACH_MS"]


def _vitest(options: list[str], files: list[str]) -> list[str]:
    ours = ['--reporter="$REPORT/vitest.mjs"', "--reporter=default", "--testTimeout=$EACH_MS"]
    return ["run", *files, *options, *ours]


def _jasmine(options: list[str], files: list[str]) -> list[str]:
    return [*options, '--reporter="$REPORT/jasmine.cjs"', *files]


def _node_test(options: list[str], files: list[str]) -> list[str]:
    ours = ["--test", "--test-timeout=$EACH_MS"]
    ours += ['--test-reporter="$REPORT/node_test.mjs"', "--test-reporter-destination=/dev/null"]
    ours += ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    return [*options, *ours, *files]


_ARGUMENTS: Mapping[Runner, Callable[[list[str], list[str]], list[str]]] = {
    "mocha": _mocha,
    "jest": _jest,
    "vitest": _vitest,
    "node:test": _node_test,
    "jasmine": _jasmine,
}
