"""Split the shell lines of npm scripts into simple commands, without interpreting them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<comment>\#[^\n]*)
    | (?P<operator>&&|\|\||[;|&()\n])
    | (?P<redirection>\d?>{1,2}&?\s*[^\s;&|()]+|<\s*[^\s;&|()]+)
    | (?P<word>(?:\$\([^()]*\)|`[^`]*`|'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\;&|()<>])+)
    | (?P<other>.)
    )""",
    re.X | re.S,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)""", re.S)
_REDIRECTION = re.compile(r"\d?[<>]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_EXTENSION = re.compile(r"\.(?:c|m)?[jt]s$")
_MAX_CHARS = 4_000


@dataclass(frozen=True)
class Word:
    """A word of a shell line."""

    raw: str
    """As written, with quotes."""

    @property
    def value(self) -> str:
        return _QUOTED.sub(lambda match: match[1] or match[2] or match[3] or "", self.raw)

    @property
    def is_assignment(self) -> bool:
        return _ASSIGNMENT.match(self.raw) is not None

    @property
    def is_redirection(self) -> bool:
        return _REDIRECTION.match(self.raw) is not None

    @property
    def program(self) -> str:
        """The name of the program if the word is a command: without folder and extension."""
        return _EXTENSION.sub("", PurePosixPath(self.value).name)


Command = tuple[Word, ...]


def split_commands(line: str) -> list[Command]:
    """Return the commands of a shell line that run one after the other.

    The right sides of ``|`` and ``||`` are left out: they show a command's output, or handle its
    failure. Characters that no program can be given are left out, too.
    """
    commands: list[Command] = []
    text = line[:_MAX_CHARS].replace("\0", "").encode(errors="ignore").decode()
    for operator, words in _commands_with_operators(text):
        if words and operator not in ("|", "||"):
            commands.append(tuple(words))
    return commands


def join_words(words: Sequence[Word]) -> str:
    return " ".join(word.raw for word in words)


def _commands_with_operators(line: str) -> Iterator[tuple[str, list[Word]]]:
    """Yield each command with the operator before it."""
    operator = ""
    words: list[Word] = []
    for token in _TOKEN.finditer(line):
        if token["word"] or token["redirection"]:
            words.append(Word(token["word"] or token["redirection"]))
        elif token["operator"]:
            yield operator, words
            operator = token["operator"]
            words = []
    yield operator, words


def names(text: str) -> frozenset[str]:
    """Return the words of a text, for tables of programs and options."""
    return frozenset(text.split())
