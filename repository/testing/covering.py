"""Find test files that cover a patch's changes, in addition to those chosen before the patch."""

import re
from collections.abc import Collection, Sequence

from repository.files import belongs_to_tests, is_test_file
from repository.git import Entry, Mirror
from repository.testing.models import Recipe
from repository.testing.run.project_folders import deepest_folder
from repository.testing.selection import is_small, likely_tests, score_tests

_MAX_FILES = 4
_MAX_READ_FILES = 600
_MAX_READ_BYTES = 300_000
_PYTHON_TESTS = re.compile(r"^[ \t]*(async[ \t]+def|def|class)[ \t].*test", re.I | re.M)


def find_covering_tests(
    mirror: Mirror,
    sha: str,
    recipe: Recipe,
    changed: Collection[str],
    chosen: Collection[str],
) -> list[str]:
    """Return test files whose names or imports suggest that they cover changed sources.

    The likeliest come first; ``chosen`` are left out. A suite small enough to be run as a whole
    needs none.
    """
    sources = [path for path in changed if not belongs_to_tests(path, recipe.patterns)]
    entries = _test_files(mirror, sha, recipe)
    sizes = {entry.path: entry.size for entry in entries}
    if not sources or is_small(sizes, sizes):
        return []
    texts = _read_tests(mirror, entries)
    scores = score_tests(list(texts), texts, ranking=sources, issue="")
    likely = [path for path in likely_tests(scores) if path not in chosen]
    return likely[:_MAX_FILES]


def _test_files(mirror: Mirror, sha: str, recipe: Recipe) -> list[Entry]:
    """Return the first test files of the tested projects that are small enough to be read."""
    entries: list[Entry] = []
    for entry in mirror.files(sha):
        is_tested = deepest_folder(recipe.folders, entry.path) is not None
        is_test = is_tested and is_test_file(entry.path, recipe.patterns)
        if is_test and entry.size <= _MAX_READ_BYTES:
            entries.append(entry)
    return entries[:_MAX_READ_FILES]


def _read_tests(mirror: Mirror, entries: Sequence[Entry]) -> dict[str, str]:
    """Return path -> text of the files that have tests."""
    contents = mirror.read_many([entry.sha for entry in entries])
    texts: dict[str, str] = {}
    for entry, content in zip(entries, contents, strict=True):
        text = content.decode(errors="replace")
        if _holds_tests(entry.path, text):
            texts[entry.path] = text
    return texts


def _holds_tests(path: str, text: str) -> bool:
    """Whether a file with a test's name has tests.

    Others, such as django's ``test_command.py``, are helpers. Run alone, a script that finds no
    test in one is given its package, whose tests would then be missing from the run of all files.
    """
    return not path.endswith(".py") or _PYTHON_TESTS.search(text) is not None
