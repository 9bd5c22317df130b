"""The imports in Python sources, and the files of the repository that tests reach by them.

Files are searched line by line, never parsed: they may be of any version of Python.
"""

import re
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from repository.testing.detect.package_names import importable_name
from repository.testing.detect.tree import Tree

_IMPORT = re.compile(r"import[ \t]+([^#]{1,400})")
_FROM = re.compile(r"from[ \t]+(\.{0,20})([\w.]{0,200})[ \t]+import[ \t]+\(?([^#()]{0,400})")
_TRIPLE_QUOTES = re.compile(r"\"{3}|'{3}")
_MODULE_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
_MAX_LINE = 500
_MAX_FILES = 150
_MAX_IMPORTS = 300
_MAX_BYTES = 300_000
_MAX_DEPTH = 12
_ROOTS = ("", "src", "lib", "python", "app", "backend")
_FORMER_STANDARD = frozenset(
    [
        "ConfigParser",
        "Cookie",
        "HTMLParser",
        "Queue",
        "SocketServer",
        "StringIO",
        "Tkinter",
        "__builtin__",
        "__main__",
        "_pytest",
        "asynchat",
        "asyncore",
        "builtins",
        "cPickle",
        "cStringIO",
        "cgi",
        "commands",
        "cookielib",
        "copy_reg",
        "crypt",
        "distutils",
        "exceptions",
        "httplib",
        "imp",
        "md5",
        "pipes",
        "sets",
        "sha",
        "smtpd",
        "thread",
        "tkMessageBox",
        "urllib2",
        "urlparse",
        "xmlrpclib",
    ]
)
"""Modules of other versions' standard libraries."""


@dataclass(frozen=True)
class Imports:
    """The third-party or own modules that a source imports."""

    required: frozenset[str]
    """Imported outside of any block."""
    optional: frozenset[str]
    """Imported in a block, which may handle that they are missing."""


@dataclass(frozen=True)
class _Statement:
    level: int
    """The number of dots of a relative import; 0 for an absolute one."""
    module: str
    names: tuple[str, ...]


def find_imports(text: str) -> Imports:
    """Return the modules that a source imports, except for the standard library's."""
    required: set[str] = set()
    optional: set[str] = set()
    for line in _code_lines(text):
        modules = required if line[:1] not in (" ", "\t") else optional
        for statement in _statements(line.strip()):
            if statement.level == 0:
                modules.add(_package_of(statement))
    standard = sys.stdlib_module_names | _FORMER_STANDARD
    return Imports(
        required=frozenset(_without(required, standard)),
        optional=frozenset(_without(optional, standard)),
    )


def _code_lines(text: str) -> Iterator[str]:
    """Yield the lines that do not begin in a string with triple quotes."""
    quotes = ""
    for line in text.splitlines():
        if not quotes:
            yield line
        for mark in _TRIPLE_QUOTES.findall(line):
            if not quotes:
                quotes = mark
            elif mark == quotes:
                quotes = ""


def _without(modules: Iterable[str], excluded: Collection[str]) -> Iterator[str]:
    for module in modules:
        if module.partition(".")[0] not in excluded:
            yield module


def _package_of(statement: _Statement) -> str:
    """Return the module that stands for a package; in a namespace, with the part below it."""
    if not statement.names:
        return importable_name(statement.module)
    return importable_name(f"{statement.module}.{statement.names[0]}")


def _statements(line: str) -> list[_Statement]:
    """Return the modules that a line imports, if it is an import."""
    if "import" not in line or len(line) > _MAX_LINE:
        return []
    from_import = _FROM.match(line)
    if from_import is not None:
        dots, module, names = from_import.groups()
        if module and not _MODULE_NAME.fullmatch(module):
            return []
        return [_Statement(len(dots), module, tuple(_first_words(names)))]
    plain = _IMPORT.match(line)
    if plain is None:
        return []
    modules = _first_words(plain[1])
    return [_Statement(0, name, ()) for name in modules if _MODULE_NAME.fullmatch(name)]


def _first_words(text: str) -> list[str]:
    """Return the first word of each item, such as the module in ``module as name``."""
    words = []
    for item in text.split(","):
        if item.strip():
            words.append(item.split()[0])
    return words


def reachable_sources(tree: Tree, tests: Mapping[str, str]) -> dict[str, str]:
    """Return path -> text of the repository's files that the tests import, directly or not."""
    sources: dict[str, str] = {}
    pending = deque(tests.items())
    while pending and len(sources) < _MAX_FILES:
        path, text = pending.popleft()
        for imported in _imported_files(tree.sizes, path, text):
            if imported in sources or imported in tests or len(sources) >= _MAX_FILES:
                continue
            if tree.sizes[imported] <= _MAX_BYTES:
                sources[imported] = tree.text(imported)
                pending.append((imported, sources[imported]))
    return sources


def _imported_files(sizes: Mapping[str, int], path: str, text: str) -> list[str]:
    files: dict[str, None] = {}
    count = 0
    for line in _code_lines(text):
        for statement in _statements(line.strip()):
            count += 1
            if count > _MAX_IMPORTS:
                return list(files)
            for file in _files_of(sizes, path, statement):
                files[file] = None
    return list(files)


def _files_of(sizes: Mapping[str, int], path: str, statement: _Statement) -> list[str]:
    """Return the files that an import loads, from the first folder that has the module."""
    parts = [part for part in statement.module.split(".") if part]
    for base in _bases(path, statement.level):
        files = _files_below(sizes, base, parts)
        for name in statement.names:
            files += _files_below(sizes, base, [*parts, name])
        if files:
            return files
    return []


def _bases(path: str, level: int) -> list[str]:
    """Return the folders in which an import of a file is looked up."""
    folders = [str(folder) for folder in PurePosixPath(path).parents[:_MAX_DEPTH]]
    folders = ["" if folder == "." else folder for folder in folders]
    if level:
        return folders[level - 1 : level]
    return list(dict.fromkeys([*folders, *_ROOTS]))


def _files_below(sizes: Mapping[str, int], base: str, parts: list[str]) -> list[str]:
    """Return the files of a module and of the packages around it."""
    files: list[str] = []
    folder = f"{base}/" if base else ""
    for part in parts:
        for file in (f"{folder}{part}.py", f"{folder}{part}/__init__.py"):
            if file in sizes:
                files.append(file)
        folder = f"{folder}{part}/"
    return files
