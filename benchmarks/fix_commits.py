"""Commits of a repository that fix something and add a test for it, chosen by chance."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.instances import read_changes
from repository.files import kind_of, looks_like_test
from repository.git import Mirror, run_git

_MAX_FILES = 8
_MAX_LINES = 400
_FIX = re.compile(r"\b(?:fix\w*|bugs?|regression|crash\w*)\b|#\d+", re.I)
#: A definition of a test, in any of the languages, in an added line of a patch.
_ADDED_TEST = re.compile(
    r"^\+\s*(?:(?:async\s+)?def\s+test|class\s+\w*Test|(?:it|test)(?:\.\w+)*\(|func\s+Test"
    r"|#\[(?:\w+::)?test\b|@Test\b|@?pytest\.param)",
    re.M,
)
_RECORD = "\x1e"


@dataclass(frozen=True)
class FixCommit:
    repository: str
    """owner/name"""
    sha: str
    parent: str
    message: str


def choose_commits(
    mirror: Mirror, repository: str, *, since: str, until: str, number: int, seed: int
) -> list[FixCommit]:
    """Return ``number`` fixing commits between two dates as git reads them, chosen by ``seed``."""
    commits = list(_history(mirror.folder, repository, since, until))
    random.Random(f"{seed} {repository}").shuffle(commits)
    chosen: list[FixCommit] = []
    for commit in commits:
        if len(chosen) == number:
            break
        if _adds_a_test_with_its_fix(mirror, commit):
            chosen.append(commit)
    return chosen


def _history(folder: Path, repository: str, since: str, until: str) -> Iterator[FixCommit]:
    """Yield the commits of the main branch that say that they fix something."""
    dates = [f"--since={since}", f"--until={until}"]
    record_format = f"--format=%H %P%n%B{_RECORD}"
    log = run_git(["log", "--first-parent", *dates, record_format, "HEAD"], cwd=folder)
    for record in log.stdout.decode(errors="replace").split(_RECORD):
        shas, _, message = record.strip().partition("\n")
        words = shas.split()
        if len(words) >= 2 and _FIX.search(message):
            yield FixCommit(repository, words[0], words[1], message.strip())


def _adds_a_test_with_its_fix(mirror: Mirror, commit: FixCommit) -> bool:
    diff = run_git(
        ["diff", "--no-renames", "--unified=0", commit.parent, commit.sha], cwd=mirror.folder
    )
    text = diff.stdout.decode(errors="replace")
    changes = read_changes(mirror, commit.parent, commit.sha)
    if len(changes) > _MAX_FILES or text.count("\n") > _MAX_LINES:
        return False
    if any(content is None or b"\0" in content for content in changes.values()):
        return False  # no edit of a reply removes a file, or writes one that is not text
    tests = [path for path in changes if looks_like_test(path)]
    sources = [path for path in changes if path not in tests and kind_of(path) == "source"]
    tests += [path for path in sources if path.endswith(".rs")]  # Rust's unit tests
    return bool(tests and sources) and _ADDED_TEST.search(text) is not None
