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
_TEST_MARK = re.compile(r"\b(?:test|it|describe|suite|assert|expect)\b")
_MAX_READ = 400
#: The words that these runners are given are files, folders or patterns of files.
_RUNNERS_OF_FILES: tuple[Runner, ...] = ("mocha", "node:test", "jasmine", "tap")
_ENDS_IN_EXTENSION = re.compile(r"\*\.(?:[cm]?[jt]sx?|\{[\w,]+\}|\[[\w]+\][\w]+)$|\*$")


def patterns_of(
    tree: Tree, commands: Iterable[NodeCommand], folders: Sequence[str]
) -> tuple[str, ...]:
    """Return patterns of the test files that commands name, such as ``lib/*.check.js``."""
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
                patterns += patterns_of_glob(path)
    return tuple(patterns)


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
