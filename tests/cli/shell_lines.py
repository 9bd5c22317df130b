"""A shell line with ``coding-agent`` in it, which runs in this process; other programs do not.

Pipes, ``<``, ``>``, ``~``, comments and ``$(coding-agent ...)`` are understood.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.cli.console import Console

PROGRAM = "coding-agent"
_COMMENT = re.compile(r"\s+#\s.*$")
_SUBSTITUTION = re.compile(r"\$\(coding-agent ([^)]*)\)")
_SECONDS = 30.0

#: What stands for a program that can't end by itself: it gets the words after its name.
StandIn = Callable[[list[str]], None]


@dataclass(frozen=True)
class LineResult:
    """What a line printed, and how our part ended."""

    code: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True)
class _Command:
    """One command of a pipeline."""

    words: list[str]
    source: str | None
    """The file of ``<``."""
    target: str | None
    """The file of ``>``."""


@dataclass(frozen=True)
class ShellLine:
    """Runs lines in the console's current folder."""

    console: Console
    stand_ins: dict[str, StandIn]
    """By the name of a program."""

    def run(self, line: str, *, answer: str = "y\n") -> LineResult:
        """Run a line. Each other program in it must succeed.

        Args:
            line: as a user types it.
            answer: standard input of our part, unless the line has something for it.
        """
        assert PROGRAM in line
        ours = LineResult(0, b"", "")
        data: bytes | None = None
        for command in _read(_SUBSTITUTION.sub(self._substitute, _COMMENT.sub("", line))):
            if command.source is not None:
                data = self._path(command.source).read_bytes()
            if command.words[0] == PROGRAM:
                ours = self._run_ours(command.words[1:], answer.encode() if data is None else data)
                data = ours.stdout
            else:
                data = self._run_other(command.words, data)
            if command.target is not None:
                self._path(command.target).write_bytes(data)
        return replace(ours, stdout=data or b"")

    def _run_ours(self, arguments: list[str], stdin: bytes) -> LineResult:
        run = self.console.run(*arguments, stdin=stdin)
        return LineResult(run.exit_code, run.stdout_bytes, run.stderr)

    def _substitute(self, match: re.Match[str]) -> str:
        run = self.console.run(*shlex.split(match[1]))
        assert run.exit_code == 0, run.stderr
        return run.stdout.strip()

    def _run_other(self, words: list[str], data: bytes | None) -> bytes:
        stand_in = self.stand_ins.get(words[0])
        if stand_in is not None:
            stand_in(words[1:])
            return b""
        if shutil.which(words[0]) is None:
            pytest.skip(f"{words[0]} is not installed")
        completed = subprocess.run(
            words,
            input=data or b"",
            cwd=self.console.folder,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr.decode()
        return completed.stdout

    def _path(self, name: str) -> Path:
        return self.console.folder / name


def _read(line: str) -> list[_Command]:
    """Return the commands of a pipeline."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(_expand_home(word))
    return [_without_redirections(words) for words in commands]


def _expand_home(word: str) -> str:
    return str(Path(word).expanduser()) if word.startswith("~/") else word


def _without_redirections(words: list[str]) -> _Command:
    rest: list[str] = []
    files: dict[str, str] = {}
    remaining = iter(words)
    for word in remaining:
        if word in ("<", ">"):
            files[word] = next(remaining)
        else:
            rest.append(word)
    return _Command(rest, files.get("<"), files.get(">"))
