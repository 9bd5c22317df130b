"""The command line that runs a package's tests: its own command, with a reporter of ours added."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from repository.runners import Runner
from repository.testing.node_preparation import failures_script, preparation_script
from repository.testing.node_project import NodeCommand, NodeProject
from repository.testing.run.node.selection import select_files, unquote

_REPORTERS = Path(__file__).with_name("reporters")
_REPORTER_FILES: Mapping[Runner, tuple[str, ...]] = {
    "mocha": ("mocha.cjs",),
    "jest": ("jest.cjs",),
    "vitest": ("vitest.mjs",),
    "node:test": ("node_test.mjs", "files.cjs"),
    "jasmine": ("jasmine.cjs",),
    "tap": ("tap.cjs", "files.cjs"),
}
_NEW_OPTIONS: Mapping[Runner, tuple[str, ...]] = {
    "mocha": ("--no-bail",),
    "jest": ("--bail=0", "--testTimeout=$EACH_MS"),
    "vitest": ("--bail=0", "--testTimeout=$EACH_MS"),
    "node:test": ("--test-timeout=$EACH_MS",),
}
"""Options of ours that not all versions of a runner know."""
_FINISH = """\
code=0
finish() {  # exit code of a runner, its name
  [ "$1" -eq 0 ] || code=1
  [ -n "$LAST" ] || [ -s "$REPORT/node.jsonl" ] || exit 1
  if ! tail -n 1 "$REPORT/node.jsonl" 2>/dev/null | grep -q '^{"end":true}'; then
    printf '{"unfinished": "%s"}\\n' "$2" >> "$REPORT/node.jsonl"
    code=1
  fi
  echo '{}' >> "$REPORT/node.jsonl" # the last line is no longer this runner's
}
"""
"""A runner that ends without our reporter's last line has crashed; its exit code may be any. If it
has reported nothing, it may not know an option of ours, and is called again without them."""


def test_scripts(
    projects: Sequence[NodeProject], folder: str, tests: Sequence[str]
) -> tuple[str, str]:
    """Return the shell texts that run a package's tests (none: all), with their report.

    The second one, for runners that know fewer options, is for the case that the first reports
    nothing.
    """
    return (
        _test_script(projects, folder, tests, is_last=False),
        _test_script(projects, folder, tests, is_last=True),
    )


def _test_script(
    projects: Sequence[NodeProject], folder: str, tests: Sequence[str], *, is_last: bool
) -> str:
    project = next(one for one in projects if one.folder == folder and one.commands)
    runners = dict.fromkeys(command.runner for command in project.commands)
    parts = [_reporter_text(runner) for runner in runners]
    parts += [preparation_script(projects, folder), _FINISH, f"LAST={'1' * is_last}\n"]
    for command, files in select_files(project.commands, tests):
        line = command_line(command, files, old_runner=is_last)
        parts.append(f"echo {shlex.quote('$ ' + line)}\n{line}\nfinish $? {command.runner}\n")
    parts += [failures_script(projects, folder), "exit $code\n"]
    return "".join(parts)


def command_line(command: NodeCommand, tests: Sequence[str], *, old_runner: bool = False) -> str:
    """Return the call of a runner with our reporter; ``tests`` replace the files that it names.

    For an ``old_runner``, it has only the options that all versions know.
    """
    files = [shlex.quote(test) for test in tests] or list(command.files)
    if command.runner == "tap":
        return _file_by_file(command, files)
    options = list(command.options)
    if not old_runner:
        options += _NEW_OPTIONS.get(command.runner, ())
        if tests and command.runner == "jest":
            options.append("--runTestsByPath")
    return " ".join([*command.program, *_ARGUMENTS[command.runner](options, files)])


def _file_by_file(command: NodeCommand, files: Sequence[str]) -> str:
    """Return the call of our program that runs each file and reads the TAP that it prints."""
    words = [unquote(file) for file in files]
    line = shlex.quote(" ".join([*command.program, *command.options]))
    return " ".join(['node "$REPORT/tap.cjs"', line, *map(shlex.quote, words)])


def _reporter_text(runner: Runner) -> str:
    parts = []
    for name in _REPORTER_FILES[runner]:
        text = (_REPORTERS / name).read_text()
        parts.append(f"cat > \"$REPORT/{name}\" <<'END_OF_REPORTER'\n{text}END_OF_REPORTER\n")
    return "".join(parts)


def _mocha(options: list[str], files: list[str]) -> list[str]:
    ours = ["--reporter", '"$REPORT/mocha.cjs"', "--timeout", "$EACH_MS"]
    return [*options, *ours, *files]


def _jest(options: list[str], files: list[str]) -> list[str]:
    """Return the arguments; options that take several values must not stand before the files."""
    ours = ['--reporters="$REPORT/jest.cjs"', "--reporters=default", "--ci", "--runInBand"]
    return [*files, *options, *ours]


def _vitest(options: list[str], files: list[str]) -> list[str]:
    return ["run", *files, *options, '--reporter="$REPORT/vitest.mjs"', "--reporter=default"]


def _jasmine(options: list[str], files: list[str]) -> list[str]:
    return [*options, '--reporter="$REPORT/jasmine.cjs"', *files]


def _node_test(options: list[str], files: list[str]) -> list[str]:
    """Return the arguments; before version 21, Node did not read patterns of files."""
    ours = ["--test"]
    ours += ['--test-reporter="$REPORT/node_test.mjs"', "--test-reporter-destination=/dev/null"]
    ours += ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    words = [f'$(node "$REPORT/files.cjs" {file})' if _is_glob(file) else file for file in files]
    return [*options, *ours, *words]


def _is_glob(word: str) -> bool:
    """Whether a word is a quoted pattern of files, which the shell does not expand."""
    return word.startswith(("'", '"')) and "*" in word


_ARGUMENTS: Mapping[Runner, Callable[[list[str], list[str]], list[str]]] = {
    "mocha": _mocha,
    "jest": _jest,
    "vitest": _vitest,
    "node:test": _node_test,
    "jasmine": _jasmine,
}
