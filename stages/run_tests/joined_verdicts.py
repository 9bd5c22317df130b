"""The verdict on a change that several suites test, and on one that is not tested as a whole."""

from dataclasses import replace

from pipeline.outcome import Verification
from repository.testing.other_projects import Part
from stages.run_tests.choosing import Accepted
from stages.run_tests.results import Passed, Unproven

_MAX_NAMED_PATHS = 3


def join(one: Accepted, other: Passed, names: tuple[str, str]) -> Accepted:
    """Return the result of two suites that were run with the same change.

    What one of them proves is proven, and *suite passes* needs both; but nothing more is proven of
    a change with tests of its own that fail. ``names`` are those of the suites, in the same order,
    for the reason; the first is empty if that is the result of several, which its reason names.
    """
    first = one.verdict
    second = other.verdict
    reasons = [
        f"{name}: {verdict.reason}" if name else verdict.reason
        for name, verdict in zip(names, (first, second), strict=True)
    ]
    proves = second.verification is Verification.RED_TO_GREEN
    if proves and first.verification is not Verification.RED_TO_GREEN:
        reasons.reverse()
    verification = _joined_verification(first.verification, second.verification)
    if isinstance(one, Unproven) and first.verification is not verification:
        verification = Verification.NOT_VERIFIED
    verdict = first.model_copy(
        update={
            "verification": verification,
            "reason": "; ".join(reasons),
            "fixed": (*first.fixed, *second.fixed),
            "fixed_new": (*first.fixed_new, *second.fixed_new),
            "proven_outside": first.proven_outside or second.proven_outside,
            "still_failing": (*first.still_failing, *second.still_failing),
            "regressed": (*first.regressed, *second.regressed),
            "could_not_run": (*first.could_not_run, *second.could_not_run),
            "flaky": (*first.flaky, *second.flaky),
            "ran": first.ran + second.ran,
            "log_key": second.log_key if proves else first.log_key,
        }
    )
    newly_passing = one.newly_passing + other.newly_passing
    return replace(one, verdict=verdict, newly_passing=newly_passing)


def note_untested(result: Accepted, part: Part, why: str) -> Accepted:
    """Return the result with the note that no test was run for a part of the change."""
    verdict = result.verdict
    verification = verdict.verification
    if verification is Verification.SUITE_PASSES:
        verification = Verification.NOT_VERIFIED
    note = f"the tests in {part.name} were not run: {why}"
    if not part.is_built_elsewhere:
        note = f"its changes to {_list(part.paths)} were not tested: {why}"
    update = {"verification": verification, "reason": f"{verdict.reason}; {note}"}
    return replace(result, verdict=verdict.model_copy(update=update))


def _joined_verification(one: Verification, other: Verification) -> Verification:
    if Verification.RED_TO_GREEN in (one, other):
        return Verification.RED_TO_GREEN
    return one if one is other else Verification.NOT_VERIFIED


def _list(paths: tuple[str, ...]) -> str:
    more = len(paths) - _MAX_NAMED_PATHS
    listed = ", ".join(paths[:_MAX_NAMED_PATHS])
    return f"{listed} and {more} more" if more > 0 else listed
