"""Kinds of files in a stranger's repository, by their paths alone.

"Is this a test?" is four questions, and each has one answer here:

- ``is_test_file``: does the repository's runner collect tests from it? By the runner's patterns.
- ``belongs_to_tests``: does it serve only tests? Test files, and all that is in a folder of tests.
- ``looks_like_test``: is it a test by the conventions of any language? Used before a runner is
  known. A folder ``test`` deep in a package may be what a library offers for tests, as in Django,
  SymPy and NumPy, so it does not count.
- ``may_hold_tests``: could a person lose tests by a change to it? Where in doubt, yes.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache

_CODE_EXTENSIONS = frozenset(
    [
        "py",
        "pyi",
        "pyx",
        "pyd",
        "js",
        "jsx",
        "mjs",
        "cjs",
        "cjsx",
        "ts",
        "tsx",
        "vue",
        "svelte",
        "go",
        "rs",
        "java",
        "kt",
        "kts",
        "scala",
        "groovy",
        "clj",
        "cljs",
        "cs",
        "fs",
        "vb",
        "c",
        "cc",
        "cpp",
        "cxx",
        "h",
        "hh",
        "hpp",
        "m",
        "mm",
        "swift",
        "rb",
        "erb",
        "php",
        "pl",
        "pm",
        "lua",
        "r",
        "jl",
        "ex",
        "exs",
        "erl",
        "hrl",
        "hs",
        "ml",
        "mli",
        "elm",
        "dart",
        "zig",
        "nim",
        "sh",
        "bash",
        "zsh",
        "ps1",
        "sql",
        "proto",
        "graphql",
        "tf",
    ]
)
_OTHER_EXTENSIONS = frozenset(
    [
        "toml",
        "cfg",
        "ini",
        "yml",
        "yaml",
        "htm",
        "html",
        "jinja",
        "jinja2",
        "j2",
        "tmpl",
        "css",
        "scss",
        "less",
        "xml",
        "gradle",
        "cmake",
        "mk",
    ]
)
_DOCS_EXTENSIONS = frozenset({"md", "rst", "txt", "adoc"})
_OTHER_NAMES = frozenset(
    {"dockerfile", "makefile", "rakefile", "gemfile", "justfile", "package.json", "tsconfig.json"}
)
_VENDORED_FOLDERS = frozenset(
    {
        "node_modules",
        "vendor",
        "_vendor",
        "vendored",
        "third_party",
        "site-packages",
        "dist",
        ".venv",
    }
)

TEST_FOLDERS = frozenset({"tests", "__tests__", "spec", "specs", "testdata"})
AMBIGUOUS_TEST_FOLDERS = frozenset({"test", "testing"})
"""They hold tests at the top or below ``src``; deeper, perhaps what a library offers for tests."""
_TEST_NAME = re.compile(
    r"""(?: tests?[_.-].*            # test_cart.py, test-cart.js
          | .*[_.-](?:tests?|spec)   # cart_test.go, cart.spec.ts
          | .*[a-z]Tests?            # CartTest.java
          | conftest | tests
        )\.\w+""",
    re.X,
)
_AMBIGUOUS_TEST_NAME = re.compile(
    r"""(?i: test_.* | tests? | conftest | .*[._-](?:test|spec)s? )\.\w+
      | .*(?:Tests?|Spec)\.\w+       # CartSpec.scala, and PodSpec.go, which is none""",
    re.X,
)


class Kind(StrEnum):
    SOURCE = "source"
    TEST = "test"
    OTHER = "other"
    """Configuration, templates, styles."""
    DOCS = "docs"


def kind_of(path: str) -> Kind | None:
    """Return the kind of a file; None for what is vendored and for what is no text to work on."""
    *folders, name = path.lower().split("/")
    stem, _, extension = name.rpartition(".")
    if _VENDORED_FOLDERS.intersection(folders) or stem.endswith(".min"):
        return None
    if extension in _CODE_EXTENSIONS:
        return Kind.TEST if looks_like_test(path) else Kind.SOURCE
    if extension in _DOCS_EXTENSIONS:
        return Kind.DOCS
    if extension in _OTHER_EXTENSIONS or name in _OTHER_NAMES:
        return Kind.OTHER
    return None


def is_test_file(path: str, patterns: Iterable[str]) -> bool:
    """Return whether the runner collects tests from the file. ``patterns`` are the runner's."""
    return not is_test_helper(path) and matches(path, patterns)


def is_test_helper(path: str) -> bool:
    """Return whether the file may lie among tests and is never one, whatever the patterns say."""
    return name_of(path) in ("conftest.py", "__init__.py")


def belongs_to_tests(path: str, patterns: Iterable[str]) -> bool:
    """Return whether the file serves only tests: a test file, a conftest, or data and helpers in a
    folder of tests.
    """
    return (
        is_test_file(path, patterns) or name_of(path) == "conftest.py" or _is_in_test_folder(path)
    )


def looks_like_test(path: str) -> bool:
    """Return whether the file is a test by its name or its folder, in any language."""
    return _is_in_test_folder(path) or _TEST_NAME.fullmatch(name_of(path)) is not None


def may_hold_tests(path: str) -> bool:
    """Return whether tests could be in the file, in any language; where in doubt, True."""
    return (
        looks_like_test(path)
        or not AMBIGUOUS_TEST_FOLDERS.isdisjoint(_folders(path))
        or _AMBIGUOUS_TEST_NAME.fullmatch(name_of(path)) is not None
    )


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern fits: one with a slash the end of the path, another the name."""
    return _compiled(tuple(patterns)).match(f"/{path}") is not None


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return one expression for all patterns, for paths that begin with a slash."""
    expressions = [
        translate(f"*/{pattern}") if "/" in pattern else rf".*/(?=[^/]*\Z){translate(pattern)}"
        for pattern in patterns
    ]
    return re.compile("|".join(expressions) or r"(?!)", re.S)


def _is_in_test_folder(path: str) -> bool:
    folders = _folders(path)
    top_folders = folders[1:2] if folders[:1] == ["src"] else folders[:1]
    return not (TEST_FOLDERS.isdisjoint(folders) and AMBIGUOUS_TEST_FOLDERS.isdisjoint(top_folders))


def _folders(path: str) -> list[str]:
    return path.lower().split("/")[:-1]


def name_of(path: str) -> str:
    """Return the last part of a path."""
    return path.rsplit("/", 1)[-1]
