"""Find the options with which a repository's automation always calls ``go test`` or ``cargo test``.

An option that only some of the calls have, such as a tag of tests that need a server, is left out.
"""

import re
from fnmatch import fnmatchcase

from repository.runners import Runner
from repository.testing.detect.tree import Tree

_FILES = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".circleci/config.yml",
    ".gitlab-ci.yml",
    ".travis.yml",
    "azure-pipelines.yml",
    "Makefile",
    "GNUmakefile",
    "justfile",
    "Taskfile.yml",
)
_MAX_FILES = 25
_CALLS: dict[Runner, re.Pattern[str]] = {
    "go": re.compile(r"\bgo test\b(?P<arguments>[^\n#|;&]*)"),
    "cargo": re.compile(r"\bcargo (?:test|nextest run)\b(?P<arguments>[^\n#|;&]*)"),
}
_CONTINUED_LINE = re.compile(r"\\\n\s*")
#: Calls for another target than this machine's, or that depend on variables.
_OTHER_CALL = re.compile(r"--target\b|\$|%\{")
_VALUE = r"""[= ]\s*(?:['"](?P<quoted>[\w./, -]+)['"]|(?P<value>[\w./,-]+))"""
#: (pattern of an option, how it is passed on)
_OPTIONS: dict[Runner, tuple[tuple[re.Pattern[str], str], ...]] = {
    "go": (
        (re.compile(r"\s--?tags" + _VALUE), "-tags={}"),
        (re.compile(r"\s--?short\b(?!=)"), "-short"),
    ),
    "cargo": (
        (re.compile(r"\s--all-features\b"), "--all-features"),
        (re.compile(r"\s--no-default-features\b"), "--no-default-features"),
        (re.compile(r"\s--features" + _VALUE), "--features={}"),
    ),
}


def find_test_options(tree: Tree, runner: Runner | None) -> tuple[str, ...]:
    """Return the options that all calls of a runner have."""
    if runner not in _CALLS:
        return ()
    calls = [_options(arguments, runner) for arguments in _find_calls(tree, _CALLS[runner])]
    if not calls:
        return ()
    return tuple(option for option in calls[0] if all(option in call for call in calls))


def _find_calls(tree: Tree, call: re.Pattern[str]) -> list[str]:
    paths = [path for path in tree.paths if any(fnmatchcase(path, file) for file in _FILES)]
    found: list[str] = []
    for path in paths[:_MAX_FILES]:
        text = _CONTINUED_LINE.sub(" ", tree.text(path))
        arguments = [match["arguments"] for match in call.finditer(text)]
        found += [words for words in arguments if not _OTHER_CALL.search(words)]
    return found


def _options(arguments: str, runner: Runner) -> list[str]:
    options: list[str] = []
    for pattern, option in _OPTIONS[runner]:
        match = pattern.search(f" {arguments}")
        if match:
            groups = match.groupdict()
            value = groups.get("quoted") or groups.get("value") or ""
            options.append(option.format(",".join(re.split(r"[ ,]+", value))))
    return options
