"""The command line that runs a package's tests: its own command, with a reporter of ours added."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from repository.runners import Runner
from repository.testing.node_preparation import failures_script, preparation_script
from repository.testing.node_project import NodeCommand, NodeProject
from repository.testing.run.node.selection import select_files, unquote

#: What begins a special part of a pattern of files.
_SPECIAL = re.compile(r"[*?\[{]")
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
_FUNCTIONS = """\
code=0
: >> "$REPORT/node.jsonl"
is_silent() { [ "$(wc -c < "$REPORT/node.jsonl")" -eq "$size" ]; }
finish() {  # exit code of a runner, its name
  [ "$1" -eq 0 ] || code=1
  if ! tail -n 1 "$REPORT/node.jsonl" | grep -q '^{"end":true}'; then
    printf '{"unfinished": "%s"}\\n' "$2" >> "$REPORT/node.jsonl"
    code=1
  fi
  echo '{}' >> "$REPORT/node.jsonl" # the last line is no longer this runner's
}
"""
"""A runner that ends without our reporter's last line has crashed; its exit code may be any. If it
has reported nothing, it may not know an option of ours, and is called again without them."""


def test_script(projects: Sequence[NodeProject], folder: str, tests: Sequence[str]) -> str:
    """Return the shell text that runs a package's tests (none: all), with their report."""
    project = next(one for one in projects if one.folder == folder and one.commands)
    runners = dict.fromkeys(command.runner for command in project.commands)
    parts = [_reporter_text(runner) for runner in runners]
    parts += [preparation_script(projects, folder), _FUNCTIONS]
    for command, files in select_files(project.commands, tests):
        parts.append(_call_text(command, files))
    parts += [failures_script(projects, folder), "exit $code\n"]
    return "".join(parts)


def _call_text(command: NodeCommand, files: Sequence[str]) -> str:
    """Return the text that calls a runner, and again like an old one if it reports nothing."""
    line = command_line(command, files)
    old = command_line(command, files, old_runner=True)
    text = f'size=$(wc -c < "$REPORT/node.jsonl")\n{_logged(line)}status=$?\n'
    if old != line:
        text += f"if is_silent; then\n{_logged(old)}status=$?\nfi\n"
    return f"{text}finish $status {command.runner}\n"


def _logged(line: str) -> str:
    return f"echo {shlex.quote('$ ' + line)}\n{line}\n"


def command_line(command: NodeCommand, tests: Sequence[str], *, old_runner: bool = False) -> str:
    """Return the call of a runner with our reporter; ``tests`` replace the files that it names.

    For an ``old_runner``, it has only the options that all versions know.
    """
    files = [_literal(command.runner, test) for test in tests] or list(command.files)
    if command.runner == "tap":
        return _file_by_file(command, files)
    options = list(command.options)
    if not old_runner:
        options += _NEW_OPTIONS.get(command.runner, ())
        if tests and command.runner == "jest":
            options.append("--runTestsByPath")
    elif tests and command.runner == "jest":
        files = [shlex.quote(re.escape(test)) for test in tests]
    return " ".join([*command.program, *_ARGUMENTS[command.runner](options, files)])


def _literal(runner: Runner, test: str) -> str:
    """Return the shell word that names exactly one file, such as ``[id].test.js``.

    Jest (by its paths), mocha and vitest take the path of a file as it is. Jasmine, and Node.js
    from version 21 on, read it as a pattern.
    """
    if runner == "jasmine":
        return shlex.quote(_SPECIAL.sub(r"[\g<0>]", test))
    if runner == "node:test" and _SPECIAL.search(test):
        return f'"$(node "$REPORT/files.cjs" --file {shlex.quote(test)})"'
    return shlex.quote(test)


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
    """Return the arguments; before version 21, Node did not read patterns of files.

    The shell leaves it a pattern that is quoted, or that matches nothing without ``globstar``.
    """
    ours = ["--test"]
    ours += ['--test-reporter="$REPORT/node_test.mjs"', "--test-reporter-destination=/dev/null"]
    ours += ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    words = [f'$(node "$REPORT/files.cjs" {file})' if "*" in file else file for file in files]
    return [*options, *ours, *words]


_ARGUMENTS: Mapping[Runner, Callable[[list[str], list[str]], list[str]]] = {
    "mocha": _mocha,
    "jest": _jest,
    "vitest": _vitest,
    "node:test": _node_test,
    "jasmine": _jasmine,
}
