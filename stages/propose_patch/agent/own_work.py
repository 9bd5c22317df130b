"""Distinguish files of the change from files for the model's own work, by what its calls did."""

import re
from collections.abc import Iterator, Sequence

from repository.files import name_of
from stages.propose_patch.agent.protocol import Bash
from stages.propose_patch.agent.steps import Observation

#: Programs that run the file that they are given.
_INTERPRETER = re.compile(
    r"python[\d.]*|pypy[\d.]*|pytest|(?:ba|z)?sh|node|bun|tsx|ts-node|java|ruby|perl|php|lua"
    r"|Rscript|source"
)
_INTERPRETERS_WITH_RUN = ("deno", "go")
"""Programs that run a file with the subcommand ``run``."""
_NO_FILE_FOLLOWS = ("-m", "-c")
"""Options of interpreters whose value is not a file."""
_END_OF_COMMAND = re.compile(r"[;&|()\n]")
_REDIRECTION = re.compile(r"[<>]")
_WRITERS = ("cat", "echo", "printf")
"""Programs with which models write text of their own to a file."""
_QUOTES = "\"'`"


def belongs_to_change(path: str, calls: Sequence[Observation]) -> bool:
    """Return whether a new file belongs to the change.

    It does if the editor wrote it or a command names it, unless a command ran it or wrote a
    program's output to it. Any other file is the output of a program, too.
    """
    name = name_of(path)
    commands = [call.call for call in calls if call.tool == Bash.name and name in call.call]
    for command in commands:
        if _runs(command, name) or _gets_output(command, name):
            return False
    return bool(commands) or _is_edited(path, calls)


def _is_edited(path: str, calls: Sequence[Observation]) -> bool:
    edited: set[str] = set()
    for call in calls:
        edited.update(file.path for file in call.edited)
    return path in edited


def _runs(script: str, name: str) -> bool:
    """Whether a shell script runs a file, by an interpreter or as a program."""
    for command in _END_OF_COMMAND.split(script):
        words = [_REDIRECTION.split(word)[0].strip(_QUOTES) for word in command.split()]
        if _is_run_by_interpreter(words, name):
            return True
        if words and words[0].startswith((".", "/")) and name_of(words[0]) == name:
            return True
    return False


def _is_run_by_interpreter(words: Sequence[str], name: str) -> bool:
    """Whether the first word after an interpreter and its options is the file, or tests in it."""
    expects_file = False
    before = ""
    for word in words:
        file = word.partition("::")[0]
        if expects_file and name_of(file) == name:
            return True
        is_option = word.startswith("-") and word not in _NO_FILE_FOLLOWS
        expects_file = _is_interpreter(word, before) or (expects_file and is_option)
        before = word
    return False


def _is_interpreter(word: str, before: str) -> bool:
    if word == "run" and before in _INTERPRETERS_WITH_RUN:
        return True
    return _INTERPRETER.fullmatch(name_of(word)) is not None


def _gets_output(script: str, name: str) -> bool:
    """Whether a shell script writes the output of a program to a file."""
    for command in _END_OF_COMMAND.split(script):
        if not _writes_own_text(command):
            for path in _output_paths(command):
                if name_of(path) == name:
                    return True
    return False


def _writes_own_text(command: str) -> bool:
    program = next(iter(command.split(maxsplit=1)), "")
    return program in _WRITERS or (program == "tee" and "<<" in command)


def _output_paths(command: str) -> Iterator[str]:
    """Yield the files to which a command's output is redirected, or that ``tee`` writes."""
    path_follows = False
    for word in command.split():
        _, redirection, path = word.rpartition(">")
        if path_follows or (redirection and path):
            yield path.strip(_QUOTES)
        is_option = path_follows and word.startswith("-")
        path_follows = is_option or word == "tee" or (bool(redirection) and not path)
