"""Choose the best of several candidates, or the rejected one whose feedback is sent back."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from pipeline.outcome import Verification
from stages.run_tests.results import DidNotRun, Passed, Regressed, Unproven

_BEST_FIRST = (Verification.RED_TO_GREEN, Verification.SUITE_PASSES, Verification.NOT_VERIFIED)

Accepted = Passed | Unproven
Rejected = Unproven | Regressed | DidNotRun
AcceptedT = TypeVar("AcceptedT", Passed, Unproven)

SECONDS_TO_CHOOSE = 60.0
"""What is left of the run's time for the choice among the candidates that passed."""


def different(results: Sequence[Passed]) -> list[Passed]:
    """Return the best result of each different change; only one if it has the most votes.

    Changes that differ only in comments, docstrings, layout or tests are the same.
    """
    groups: dict[str, list[Passed]] = {}
    for result in results:
        groups.setdefault(result.semantic_hash, []).append(result)
    best = [choose(group) for group in groups.values()]
    votes = _count_votes(results)
    most, *others = votes.most_common()
    if others and others[0][1] == most[1]:
        return best
    return [result for result in best if result.semantic_hash == most[0]]


def _count_votes(results: Sequence[Accepted]) -> Counter[str]:
    votes: Counter[str] = Counter()
    for result in results:
        votes[result.semantic_hash] += result.change.candidate.agreeing
    return votes


def choose(results: Sequence[AcceptedT]) -> AcceptedT:
    """Return the best candidate without regressions.

    Criteria, in order: the verification, the number of newly passing tests, the number of proposals
    with the same semantic hash, the smaller patch.
    """
    votes = _count_votes(results)

    def rank(result: Accepted) -> tuple[int, int, int, int, int]:
        return (
            _BEST_FIRST.index(result.verdict.verification),
            -result.newly_passing,
            -votes[result.semantic_hash],
            len(result.change.patch),
            result.change.number,
        )

    return min(results, key=rank)


def least_broken(results: Sequence[Rejected]) -> Rejected:
    """Return the candidate that breaks the fewest tests; the first one wins a tie."""
    return min(results, key=_severity)


def _severity(result: Rejected) -> tuple[int, int]:
    match result:
        case Unproven():
            return (0, 0)
        case Regressed():
            return (1, result.regressions)
        case DidNotRun():
            return (2, 0)
