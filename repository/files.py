"""Classify the files of an untrusted repository by their paths alone.

"Is this a test?" is four questions, and each has one answer here:

- ``is_test_file``: does the repository's runner collect tests from it? By the runner's patterns.
- ``belongs_to_tests``: does only testing use it? True for test files, and for all files in a test
  folder.
- ``looks_like_test``: is it a test by the conventions of any language? Used before the runner is
  known. A folder ``test`` deep in a package may be a library's public test support, as in Django,
  SymPy and NumPy, so it does not count.
- ``may_hold_tests``: could a change to it remove tests? If in doubt, yes.
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
VENDORED_FOLDERS = frozenset(
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
"""They contain tests at the top or below ``src``; deeper ones may be a library's test support."""
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
      | .*(?:Tests?|Spec)\.\w+       # CartSpec.scala, but also PodSpec.go, which is not a test""",
    re.X,
)


_SCRIPT = re.compile(r"\.[cm]?[jt]sx?$")
_FIXTURE_FOLDERS = frozenset(
    {"fixture", "fixtures", "__fixtures__", "__mocks__", "__snapshots__", "helpers", "support"}
)


class Kind(StrEnum):
    SOURCE = "source"
    TEST = "test"
    OTHER = "other"
    """Configuration, templates, styles."""
    DOCS = "docs"


def kind_of(path: str) -> Kind | None:
    """Return the kind of a file; None if it is vendored, or not text that this service handles."""
    *folders, name = path.lower().split("/")
    stem, _, extension = name.rpartition(".")
    if VENDORED_FOLDERS.intersection(folders) or stem.endswith(".min"):
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
    """Return whether the file is a helper for tests, never a test, whatever the patterns say."""
    return name_of(path) in ("conftest.py", "__init__.py") or _is_script_fixture(path)


def belongs_to_tests(path: str, patterns: Iterable[str]) -> bool:
    """Return whether only testing uses the file: a test file, a conftest, or data and helpers in a
    test folder.
    """
    return (
        is_test_file(path, patterns)
        or name_of(path) == "conftest.py"
        or _is_in_test_folder(path)
        or (_is_script_fixture(path) and matches(path, patterns))
    )


def looks_like_test(path: str) -> bool:
    """Return whether the file is a test by its name or folder, in any language."""
    return _is_in_test_folder(path) or _TEST_NAME.fullmatch(name_of(path)) is not None


def may_hold_tests(path: str) -> bool:
    """Return whether the file could contain tests, in any language; if in doubt, True."""
    return (
        looks_like_test(path)
        or not AMBIGUOUS_TEST_FOLDERS.isdisjoint(_folders(path))
        or _AMBIGUOUS_TEST_NAME.fullmatch(name_of(path)) is not None
    )


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern matches the path's end (if it has a slash) or the file's name."""
    return _compiled(tuple(patterns)).match(f"/{path}") is not None


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Compile all patterns into one expression, for paths that begin with a slash."""
    expressions = [
        translate(f"*/{pattern}") if "/" in pattern else rf".*/(?=[^/]*\Z){translate(pattern)}"
        for pattern in patterns
    ]
    return re.compile("|".join(expressions) or r"(?!)", re.S)


def _is_in_test_folder(path: str) -> bool:
    folders = _folders(path)
    top_folders = folders[1:2] if folders[:1] == ["src"] else folders[:1]
    return not (TEST_FOLDERS.isdisjoint(folders) and AMBIGUOUS_TEST_FOLDERS.isdisjoint(top_folders))


def _is_script_fixture(path: str) -> bool:
    """Whether a script is data or a helper of JavaScript's tests, by its folder."""
    if not _SCRIPT.search(path) or _TEST_NAME.fullmatch(name_of(path)):
        return False
    return path.endswith(".d.ts") or not _FIXTURE_FOLDERS.isdisjoint(_folders(path))


def _folders(path: str) -> list[str]:
    return path.lower().split("/")[:-1]


def name_of(path: str) -> str:
    """Return the last component of a path."""
    return path.rsplit("/", 1)[-1]
