"""What the pull request says about tests: which prove the change, which it changes, and how to run
them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prompts.filters import one_line
from prompts.inert_text import inert
from repository.files import belongs_to_tests, is_test_file
from repository.git import Mirror
from repository.testing.models import Suite
from repository.testing.shown_command import describe_versions, select, shown_commands
from stages.apply_patch import Candidate
from stages.run_tests import Verdict

_MAX_COMMAND = 400
"""Characters."""


@dataclass(frozen=True)
class TestChanges:
    """The files of tests that a change touches, helpers and data included."""

    __test__ = False

    new: tuple[str, ...]
    extended: tuple[str, ...]
    """Existing ones that only gain lines."""
    changed: tuple[str, ...]
    """Existing ones that lose lines, or are removed."""


@dataclass(frozen=True)
class Reproduction:
    """How a person runs the tests."""

    command: str | None
    """None if it is not known, or could do something on the page that shows it."""
    versions: str
    """Of the interpreter or the tools, and the runner."""


def read_test_changes(
    mirror: Mirror, base_sha: str, candidate: Candidate, patterns: Iterable[str]
) -> TestChanges:
    """Return what a candidate does to files of tests. Blocks."""
    patterns = tuple(patterns)
    new: list[str] = []
    extended: list[str] = []
    changed: list[str] = []
    for path in candidate.paths:
        if not belongs_to_tests(path, patterns):
            continue
        if mirror.read(base_sha, path) is None:
            new.append(path)
        elif _only_gains_lines(mirror, base_sha, candidate.tree, path):
            extended.append(path)
        else:
            changed.append(path)
    return TestChanges(tuple(new), tuple(extended), tuple(changed))


def find_reproduction(
    mirror: Mirror, base_sha: str, candidate: Candidate, verdict: Verdict, suite: Suite
) -> Reproduction | None:
    """Return how to run the tests that prove the change, or those that ran. Blocks.

    None if no test can be run, or if the proving ones are not part of the pull request.
    """
    recipe = suite.recipe
    if recipe is None or not suite.runnable or not verdict.ran or verdict.proven_outside:
        return None
    own = [path for path in candidate.paths if is_test_file(path, recipe.patterns)]
    chosen = () if suite.whole else tuple(dict.fromkeys((*suite.tests, *own)))
    selection = select(verdict.fixed, chosen, own)
    if not selection.files:
        existing = [entry.path for entry in mirror.files(base_sha)]
        paths = own + [path for path in existing if is_test_file(path, recipe.patterns)]
        selection = select(verdict.fixed, chosen, paths)
    for command in shown_commands(recipe, selection):
        if _can_be_shown(command):
            return Reproduction(command, describe_versions(suite))
    return Reproduction(None, describe_versions(suite))


def _only_gains_lines(mirror: Mirror, base_sha: str, tree: str, path: str) -> bool:
    base_tree = mirror.tree_of(base_sha)
    lines = mirror.diff(base_tree, tree, [path]).splitlines()
    in_hunk = False
    for line in lines:
        in_hunk = in_hunk or line.startswith(b"@@")
        if in_hunk and line.startswith(b"-"):
            return False
    return in_hunk


def _can_be_shown(command: str) -> bool:
    """Whether a command, which has names from the repository, is only text to whoever reads it."""
    is_plain = command == one_line(command) == inert(command)
    return is_plain and len(command) <= _MAX_COMMAND
