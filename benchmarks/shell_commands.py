"""Read a shell command: which programs it runs, and what kind of command it is.

This is good enough for statistics, but not a shell: what it can't split counts as one program.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["tests", "install", "script", "git", "write", "search", "view", "other"]

#: A command counts as the first of these kinds that one of its programs has.
KINDS: tuple[Kind, ...] = (
    "tests",
    "install",
    "script",
    "git",
    "write",
    "search",
    "view",
    "other",
)

_HERE_DOCUMENT = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_ASSIGNMENT = re.compile(r"\w+=")
_SEPARATORS = ";&|()\n"
_REDIRECTIONS = "<>"
_NO_FILES = ("/dev/null", "/dev/stderr", "/dev/stdout")
_PREFIXES = ("env", "exec", "if", "do", "then", "else", "time", "timeout", "nohup", "!", "{")
_PYTHON = re.compile(r"(python|pypy)[\d.]*")

_TEST_PROGRAMS = ("pytest", "py.test", "tox", "nosetests", "nose2", "runtests.py", "trial")
_TEST_MODULES = ("pytest", "unittest", "nose", "tox")
_INSTALL_PROGRAMS = ("pip", "pip3", "uv", "conda", "apt-get", "apt")
_SHELLS = ("bash", "sh", "source", ".")
_SCRIPT_PROGRAMS = ("sphinx-build", "pylint", "django-admin", "make", "perl", "node")
_WRITE_PROGRAMS = (
    "chmod",
    "cp",
    "ed",
    "ln",
    "mkdir",
    "mv",
    "patch",
    "rm",
    "rmdir",
    "tee",
    "touch",
    "truncate",
)
_SEARCH_PROGRAMS = ("grep", "egrep", "fgrep", "find", "rg", "ag", "fd")
_VIEW_PROGRAMS = (
    "awk",
    "cat",
    "cd",
    "diff",
    "echo",
    "head",
    "less",
    "ls",
    "nl",
    "pwd",
    "sed",
    "sort",
    "stat",
    "tail",
    "tree",
    "wc",
)
_PROGRAMS_BY_KIND: dict[Kind, tuple[str, ...]] = {
    "tests": _TEST_PROGRAMS,
    "script": (*_SHELLS, *_SCRIPT_PROGRAMS),
    "git": ("git",),
    "write": _WRITE_PROGRAMS,
    "search": _SEARCH_PROGRAMS,
    "view": _VIEW_PROGRAMS,
}


@dataclass(frozen=True)
class Program:
    """One simple command."""

    words: tuple[str, ...]
    redirections: tuple[str, ...]
    """Files that its output is redirected to."""
    filters: bool = False
    """Whether it reads another program's output."""

    @property
    def name(self) -> str:
        return self.words[0].rsplit("/", 1)[-1] if self.words else ""

    @property
    def kind(self) -> Kind:
        kind = self._kind_of_words()
        if self.redirections and KINDS.index(kind) > KINDS.index("write"):
            return "write"
        return kind

    def _kind_of_words(self) -> Kind:
        if _PYTHON.fullmatch(self.name):
            return _kind_of_python(self.words[1:])
        if self.name == "sed" and any(re.match(r"-\w*i|--in-place", word) for word in self.words):
            return "write"
        if not self.words:
            return "other"
        if self.name in _INSTALL_PROGRAMS:
            return "install" if "install" in self.words else "other"
        for kind, names in _PROGRAMS_BY_KIND.items():
            if self.name in names:
                return kind
        if self.words[0].endswith("bin/test"):
            return "tests"
        if "/" in self.words[0] or self.name.endswith((".py", ".sh")):
            return "script"
        return "other"


def kind_of(command: str) -> Kind:
    """Return the kind of a command. Programs that only filter output do not count."""
    kinds: list[Kind] = []
    for program in programs(command):
        if not (program.filters and program.kind in ("search", "view", "other")):
            kinds.append(program.kind)
    return min(kinds, key=KINDS.index, default="other")


def programs(command: str) -> list[Program]:
    """Return the programs that a command runs, in order, without those of here-documents."""
    text = without_here_documents(command)
    result: list[Program] = []
    for words, filters in _simple_commands(text):
        program = _program(words, filters=filters)
        if program.words or program.redirections:
            result.append(program)
    return result


def without_here_documents(command: str) -> str:
    """Return the command without the bodies of its here-documents, and without comment lines."""
    text, _ = _split_here_documents(command)
    return text


def here_documents(command: str) -> dict[str, str]:
    """Return file -> text of the here-documents that are written to a file."""
    text, bodies = _split_here_documents(command)
    files: dict[str, str] = {}
    openings = [line for line in text.split("\n") if _HERE_DOCUMENT.search(line)]
    for line, body in zip(openings, bodies, strict=False):
        for program in programs(line):
            for path in program.redirections:
                files[path] = body
    return files


def _split_here_documents(command: str) -> tuple[str, list[str]]:
    """Return the command without its here-documents, and their bodies in order."""
    lines: list[str] = []
    bodies: list[str] = []
    body: list[str] = []
    delimiter: str | None = None
    for line in command.split("\n"):
        if delimiter is None:
            if line.lstrip().startswith("#"):
                continue
            lines.append(line)
            opening = _HERE_DOCUMENT.search(line)
            delimiter = opening[2] if opening else None
        elif line.strip() == delimiter:
            bodies.append("\n".join(body))
            body = []
            delimiter = None
        else:
            body.append(line)
    return "\n".join(lines), bodies


def _simple_commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """Split at the shell's separators; a redirection stays among the words.

    With each command, yield whether it reads a pipe.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=f"{_SEPARATORS}{_REDIRECTIONS}")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    filters = False
    try:
        for token in lexer:
            if token and set(token) <= set(_SEPARATORS):
                yield words, filters
                words = []
                filters = token in ("|", "|&")
            else:
                words.append(token)
    except ValueError:  # an open quote
        words = words or text.split()
    yield words, filters


def _program(words: list[str], *, filters: bool) -> Program:
    arguments: list[str] = []
    files: list[str] = []
    rest = iter(words)
    for word in rest:
        if not _is_redirection(word):
            arguments.append(word)
            continue
        target = next(rest, "")
        if ">" in word and "&" not in word and target not in _NO_FILES:
            files.append(target)
        if arguments and arguments[-1].isdigit():  # a file descriptor
            del arguments[-1]
    return Program(tuple(_without_prefix(arguments)), tuple(files), filters)


def _is_redirection(word: str) -> bool:
    return set(word) <= set(f"{_SEPARATORS}{_REDIRECTIONS}") and bool(set(word) & {"<", ">"})


def _without_prefix(words: list[str]) -> list[str]:
    """Return the words without variables and programs that only start another one."""
    start = 0
    while start < len(words):
        word = words[start]
        if not (_ASSIGNMENT.match(word) or word in _PREFIXES):
            break
        start += 2 if word == "timeout" else 1
    return words[start:]


def _kind_of_python(arguments: Sequence[str]) -> Kind:
    module = _argument_after(arguments, "-m")
    script = next((word for word in arguments if not word.startswith("-")), "")
    if module in _INSTALL_PROGRAMS:
        return "install" if "install" in arguments else "other"
    if module in _TEST_MODULES:
        return "tests"
    if module is None and script.rsplit("/", 1)[-1] in _TEST_PROGRAMS:
        return "tests"
    return "script"


def _argument_after(arguments: Sequence[str], option: str) -> str | None:
    if option not in arguments:
        return None
    position = arguments.index(option) + 1
    return arguments[position] if position < len(arguments) else None
