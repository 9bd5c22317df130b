"""Select the test files relevant to an issue, by its likely source files and its words."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

#: A suite up to this size is run as a whole.
WHOLE_FILES = 12
WHOLE_BYTES = 400_000
CHOSEN_FILES = 8
_MAX_SOURCES = 10

_SAME_NAME = 3.0
_SIMILAR_NAME = 1.5
_SAME_FOLDER = 0.5
_IMPORTS_MODULE = 2.0
_IMPORTS_FROM_PACKAGE = 1.5
_NAMED_PATH = 4.0
_NAMED_FILE = 2.0
_NAMED_TEST = 2.0
#: A match with a part of a shorter name means nothing.
_MIN_SIMILAR_LENGTH = 4


def choose_tests(
    test_files: Sequence[str],
    texts: Mapping[str, str],
    sizes: Mapping[str, int],
    *,
    ranking: Sequence[str],
    issue: str,
) -> tuple[tuple[str, ...], bool]:
    """Return test files, likeliest first, and whether all are run (then the list is empty).

    Args:
        test_files: paths of all test files.
        texts: the contents of those that were read.
        sizes: their sizes in bytes.
        ranking: source paths, likeliest first.
        issue: the issue's text.
    """
    if is_small(test_files, sizes):
        return (), True
    scores = score_tests(test_files, texts, ranking=ranking, issue=issue)
    likely = likely_tests(scores)
    return tuple(likely or _by_score(scores)[:CHOSEN_FILES]), False


def is_small(test_files: Collection[str], sizes: Mapping[str, int]) -> bool:
    """Whether the suite is small enough to be run as a whole."""
    if len(test_files) > WHOLE_FILES:
        return False
    total = sum(sizes.get(path, 0) for path in test_files)
    return total <= WHOLE_BYTES


def likely_tests(scores: Mapping[str, float]) -> list[str]:
    """Return the test files with the best scores above zero, likeliest first."""
    return [path for path in _by_score(scores) if scores[path] > 0][:CHOSEN_FILES]


def score_tests(
    test_files: Sequence[str],
    texts: Mapping[str, str],
    *,
    ranking: Sequence[str],
    issue: str,
) -> dict[str, float]:
    """Return path -> how relevant a test file is to the issue; 0 without any evidence."""
    tests = set(test_files)
    sources = [path for path in ranking if path not in tests][:_MAX_SOURCES]
    words = set(re.findall(r"[\w./-]+", issue))
    scores: dict[str, float] = {}
    for path in test_files:
        text = texts.get(path, "")
        score = _named_in_issue(path, text, words)
        for rank, source in enumerate(sources):
            evidence = _similar_name(path, source) + _imports(text, source)
            score += evidence / (1 + rank / 2)
        scores[path] = score
    return scores


def _by_score(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda path: (-scores[path], path))


def _named_in_issue(path: str, text: str, words: set[str]) -> float:
    score = 0.0
    if path in words:
        score += _NAMED_PATH
    if PurePosixPath(path).name in words:
        score += _NAMED_FILE
    test_names = re.findall(r"def (test_\w+)", text)
    if any(name in words for name in test_names):
        score += _NAMED_TEST
    return score


def _similar_name(test: str, source: str) -> float:
    """Score test_x.py highest for x.py, and lower if only parts of the names or folders match."""
    subject = re.sub(r"^test_|^Test|_test$|Tests?$|\.(?:test|spec)$", "", PurePosixPath(test).stem)
    module = _module_name(source)
    if module and subject == module:
        return _SAME_NAME
    long_enough = min(len(module), len(subject)) >= _MIN_SIMILAR_LENGTH
    if long_enough and (module in subject or subject in module):
        return _SIMILAR_NAME
    test_folders = PurePosixPath(test).parts[:-1]
    if PurePosixPath(source).parent.name in test_folders:
        return _SAME_FOLDER
    return 0.0


def _module_name(source: str) -> str:
    path = PurePosixPath(source)
    if path.stem == "__init__":
        return path.parent.name
    return path.stem.strip("_")


def _imports(text: str, source: str) -> float:
    parts = _import_path(source)
    if not parts:
        return 0.0
    module = re.escape(".".join(parts))
    if re.search(rf"^[ \t]*(?:from {module} import|import {module}\b)", text, re.M):
        return _IMPORTS_MODULE
    package = re.escape(".".join(parts[:-1]))
    name = re.escape(parts[-1])
    if not package:
        return 0.0
    if re.search(rf"^[ \t]*from {package} import .*\b{name}\b", text, re.M):
        return _IMPORTS_FROM_PACKAGE
    return 0.0


def _import_path(source: str) -> list[str]:
    """Return the parts of the dotted name by which a source file is imported."""
    parts = list(PurePosixPath(source).with_suffix("").parts)
    if parts[0] in ("src", "lib") and len(parts) > 1:
        parts = parts[1:]
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return parts
