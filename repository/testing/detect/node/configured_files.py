"""Patterns of test files that the configuration of a JavaScript runner states.

The files are read as text, since most are programs. What looks like such a pattern may be about
something else, such as coverage: a pattern counts only if each file that it matches calls a test.
"""

import re
from collections.abc import Iterable, Sequence

from repository.testing.detect.node.package_json import runner_settings
from repository.testing.detect.node.test_files import matches_only_tests, patterns_of_glob
from repository.testing.detect.node.workspaces import PACKAGE_FILE
from repository.testing.detect.tree import Tree

_CONFIGURATION = re.compile(
    r"\.mocharc(?:\.\w+)?|(?:jest|vitest|vite|ava)\.config\.\w+|vitest\.workspace\.\w+|package\.json"
)
_KEY = re.compile(r"""\b(?:spec|testMatch|include|files)["']?\s*[:=]\s*""")
_LIST = re.compile(r"""\[(?:\s*["'`][^"'`\n]{1,200}["'`]\s*,?){1,20}""")
_STRING = re.compile(r"""["'`]([^"'`\n]{1,200})["'`]""")
_MAX_CHARS = 20_000
_MAX_GLOBS = 20


def configured_patterns(tree: Tree, folders: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns in the configuration files of some folders."""
    patterns: dict[str, None] = {}
    for path in _configuration_files(tree, folders):
        for glob in _globs_in(_settings_in(tree, path)[:_MAX_CHARS])[:_MAX_GLOBS]:
            for pattern in patterns_of_glob(glob):
                if pattern not in patterns and matches_only_tests(tree, pattern):
                    patterns[pattern] = None
    return tuple(patterns)


def _configuration_files(tree: Tree, folders: Iterable[str]) -> list[str]:
    wanted = set(folders)
    found: list[str] = []
    for path in tree.paths:
        folder, _, name = path.rpartition("/")
        if folder in wanted and _CONFIGURATION.fullmatch(name):
            found.append(path)
    return found


def _settings_in(tree: Tree, path: str) -> str:
    text = tree.text(path)
    return runner_settings(text) if path.endswith(PACKAGE_FILE) else text


def _globs_in(text: str) -> list[str]:
    """Return the values of the keys, without the words for a project's folder."""
    globs: list[str] = []
    for key in _KEY.finditer(text):
        values = _LIST.match(text, key.end())
        if values:
            globs += _STRING.findall(values[0])
        elif value := _STRING.match(text, key.end()):
            globs.append(value[1])
    return [glob.removeprefix("<rootDir>/").removeprefix("./") for glob in globs]
