"""The possible results of testing a candidate."""

from dataclasses import dataclass

from repository.testing.folders import Changes
from stages.apply_patch import Candidate
from stages.run_tests.verdict import Verdict


@dataclass(frozen=True)
class Change:
    """A candidate with its number, its patch and the files that it writes."""

    number: int
    """Index into Candidates.candidates."""
    candidate: Candidate
    patch: bytes
    files: Changes


@dataclass(frozen=True)
class Passed:
    """No test regressed, and the reproduction test passes if there is one."""

    change: Change
    verdict: Verdict
    newly_passing: int
    """Number of tests that failed on the base commit and pass now."""
    semantic_hash: str
    """Equal for changes that differ only in comments, docstrings, layout or tests."""


@dataclass(frozen=True)
class Unproven:
    """No test regressed, but the reproduction test, or a new test of the change itself, fails."""

    change: Change
    verdict: Verdict
    newly_passing: int
    semantic_hash: str
    feedback: str
    failing: tuple[str, ...] = ()
    """The tests that fail with it and should pass."""
    log_key: str | None = None
    """Artifact: the output of the run that shows it."""


@dataclass(frozen=True)
class Regressed:
    """Tests that passed on the base fail, or do not run; new failures count as well."""

    change: Change
    regressions: int
    feedback: str
    failing: tuple[str, ...] = ()
    """The tests that count against it."""
    log_key: str | None = None
    """Artifact: the runner's output."""


@dataclass(frozen=True)
class DidNotRun:
    """No test has a result."""

    change: Change
    feedback: str
    log_key: str | None = None
    """Artifact: the runner's output."""


Result = Passed | Unproven | Regressed | DidNotRun
