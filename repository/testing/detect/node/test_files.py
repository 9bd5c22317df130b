"""Patterns of test files of JavaScript and TypeScript."""

import re
from collections.abc import Iterable, Sequence
from posixpath import normpath

from repository.files import VENDORED_FOLDERS, is_test_helper, matches
from repository.runners import Runner
from repository.testing.detect.node.shell_words import Word
from repository.testing.detect.tree import Tree
from repository.testing.node_project import NodeCommand

_EXTENSIONS = ("js", "ts", "jsx", "tsx", "mjs", "cjs", "mts", "cts")
TEST_PATTERNS = tuple(
    f"{name}.{extension}"
    for name in (
        "test",
        "*.test",
        "*.spec",
        "*_test",
        "*-test",
        "test/*",
        "tests/*",
        "__tests__/*",
        "spec/*",
    )
    for extension in _EXTENSIONS
)
#: A call with a title. Sources call the methods of others, and have methods, with these names, too.
_CALLS_TEST = re.compile(
    r"""^[^\S\n]*(?:test|it|describe|suite)(?:\.\w+)*(?:\s*\(\s*["'`]|\.each\b)""", re.MULTILINE
)
_MAX_CHECKED = 200
_TEST_MARK = re.compile(r"\b(?:test|it|describe|suite|assert|expect)\b")
_MAX_READ = 400
#: The words that these runners are given are files, folders or patterns of files.
_RUNNERS_OF_FILES: tuple[Runner, ...] = ("mocha", "node:test", "jasmine", "tap")
_ENDS_IN_EXTENSION = re.compile(r"\*\.(?:[cm]?[jt]sx?|\{[\w,]+\}|\[[\w]+\][\w]+)$|\*$")


def patterns_of(
    tree: Tree, commands: Iterable[NodeCommand], folders: Sequence[str]
) -> tuple[str, ...]:
    """Return patterns of the test files that commands name, such as ``lib/*.check.js``.

    Where tests with the usual names are beside their sources, a folder's pattern is left out.
    """
    patterns: list[str] = []
    prefixes = [f"{folder}/" if folder else "" for folder in folders]
    for command in commands:
        if command.runner not in _RUNNERS_OF_FILES:
            continue
        for word in command.files:
            path = normpath(Word(word).value)
            if any(f"{prefix}{path}" in tree.sizes for prefix in prefixes):
                patterns.append(path)
            else:
                own = patterns_of_glob(path)
                patterns += [pattern for pattern in own if not _has_sources(tree, pattern)]
    return tuple(patterns)


def matches_only_tests(tree: Tree, pattern: str) -> bool:
    """Whether each file that a pattern matches, and there is one, calls a test."""
    paths = [path for path in tree.paths if matches(path, (pattern,))][:_MAX_CHECKED]
    return bool(paths) and all(_CALLS_TEST.search(tree.text(path)) for path in paths)


def _has_sources(tree: Tree, pattern: str) -> bool:
    named = any(matches(path, (pattern,)) and matches(path, TEST_PATTERNS) for path in tree.paths)
    return named and not matches_only_tests(tree, pattern)


def patterns_of_glob(path: str) -> list[str]:
    """Return patterns for a folder or a glob; a glob for all scripts counts as its folder."""
    if "*" not in path:
        return [f"{path}/*.{extension}" for extension in _EXTENSIONS]
    name = path.rpartition("/")[2]
    folder = path.partition("*")[0].rpartition("/")[0]
    if not _ENDS_IN_EXTENSION.fullmatch(name):
        return [name] if "{" not in name else []
    return [f"{folder}/*.{extension}" for extension in _EXTENSIONS] if folder else []


def read_tests(tree: Tree, patterns: Iterable[str]) -> dict[str, str]:
    """Return test file -> text; of very many, the first."""
    candidates = [
        path
        for path in tree.paths
        if matches(path, patterns)
        and VENDORED_FOLDERS.isdisjoint(path.split("/"))
        and not is_test_helper(path)
    ]
    texts: dict[str, str] = {}
    for path in candidates[:_MAX_READ]:
        text = tree.text(path)
        if _TEST_MARK.search(text):
            texts[path] = text
    return texts
