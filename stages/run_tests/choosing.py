"""Choose the best of several candidates, or the rejected one whose feedback is sent back."""

from collections import Counter
from collections.abc import Sequence

from pipeline.outcome import Verification
from stages.run_tests.results import DidNotRun, NotReproduced, Passed, Regressed

_BEST_FIRST = (Verification.RED_TO_GREEN, Verification.SUITE_PASSES, Verification.NOT_VERIFIED)

Accepted = Passed | NotReproduced
Rejected = NotReproduced | Regressed | DidNotRun


def choose(results: Sequence[Accepted]) -> Accepted:
    """Return the best candidate without regressions.

    Criteria, in order: the reproduction test passes, the verification, the number of newly passing
    tests, the number of candidates with the same semantic hash, the smaller patch.
    """
    votes = Counter(result.semantic_hash for result in results)

    def rank(result: Accepted) -> tuple[bool, int, int, int, int, int]:
        return (
            isinstance(result, NotReproduced),
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
        case NotReproduced():
            return (0, 0)
        case Regressed():
            return (1, result.regressions)
        case DidNotRun():
            return (2, 0)
