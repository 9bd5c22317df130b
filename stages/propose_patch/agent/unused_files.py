"""Find new files that nothing refers to: the model may have left them by mistake."""

import re
from collections.abc import Sequence

from repository.files import is_test_file, name_of
from stages.propose_patch.agent.by_products import has_folder
from stages.propose_patch.agent.own_work import belongs_to_change
from stages.propose_patch.agent.tree_difference import Difference

_MAX_EXAMINED = 100
"""Maximum number of new files that are checked for uses, and of deleted ones compared with them."""
_USUAL_TESTS = ("test_*.py", "*_test.py")


def find_unused(difference: Difference) -> list[str]:
    """Return the new files that nothing refers to. Blocks."""
    new: list[str] = []
    for path, file in difference.files.items():
        if file.content is not None and path not in difference.entries.paths:
            new.append(path)
    examined = sorted(new)[:_MAX_EXAMINED]
    deleted = _lines_of_deleted(difference) if examined else []
    unused: list[str] = []
    for path in examined:
        if _is_unused(path, difference) and not _is_renamed(path, difference, deleted):
            unused.append(path)
    return unused


def is_scratch(path: str, difference: Difference) -> bool:
    """Return whether an unused file was only for the model's own work.

    At the root and in new hidden folders, these are tests, files that a command ran, and the output
    of programs.
    """
    folder = path.partition("/")[0]
    is_hidden = folder.startswith(".") and not has_folder(difference.entries.paths, folder)
    if "/" in path and not is_hidden:
        return False
    if is_test_file(path, _test_patterns(difference)):
        return True
    return not belongs_to_change(path, difference.calls)


def names_file(text: str, path: str) -> bool:
    """Return whether a text names a file."""
    return re.search(rf"(?<![\w/]){re.escape(name_of(path))}\b", text) is not None


def _is_unused(path: str, difference: Difference) -> bool:
    """Whether nothing collects the file, and neither another file nor the issue names it."""
    task = difference.task
    if _is_collected(path, difference) or names_file(task.issue.text, path):
        return False
    stem = name_of(path).rpartition(".")[0] or name_of(path)
    if stem == "__init__" or _is_named_in_change(path, stem, difference):
        return False
    return not task.base.mirror.contains(task.base.sha, stem)


def _is_collected(path: str, difference: Difference) -> bool:
    """Whether the test runner finds the file; not if all other tests are in folders."""
    patterns = _test_patterns(difference)
    if not is_test_file(path, patterns):
        return False
    tests = [other for other in difference.entries.paths if is_test_file(other, patterns)]
    is_stray = "/" not in path and bool(tests) and all("/" in test for test in tests)
    return not is_stray


def _test_patterns(difference: Difference) -> Sequence[str]:
    recipe = difference.task.suite.recipe
    return recipe.patterns if recipe is not None else _USUAL_TESTS


def _is_named_in_change(path: str, stem: str, difference: Difference) -> bool:
    name = stem.encode(errors="replace")
    for other, file in difference.files.items():
        if other != path and name in (file.content or b""):
            return True
    return False


def _lines_of_deleted(difference: Difference) -> list[set[bytes]]:
    """Return the lines of each deleted file."""
    deleted = [path for path, file in difference.files.items() if file.content is None]
    lines: list[set[bytes]] = []
    for path in deleted[:_MAX_EXAMINED]:
        content = difference.task.base.read(path)
        if content is not None:
            lines.append(set(content.splitlines()))
    return lines


def _is_renamed(path: str, difference: Difference, deleted: Sequence[set[bytes]]) -> bool:
    """Whether the file has most lines of a deleted one."""
    content = difference.files[path].content or b""
    lines = set(content.splitlines())
    return any(2 * len(lines & old) >= max(len(lines), len(old)) for old in deleted)
