"""Cases: what got worse and what got better."""

import pytest

from console.comparison.trials import is_complete
from pipeline.outcome import Outcome, Verification
from tests.console.comparison.cases import case, trial

RED_TO_GREEN = Verification.RED_TO_GREEN
SUITE_PASSES = Verification.SUITE_PASSES
NOT_VERIFIED = Verification.NOT_VERIFIED


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        (RED_TO_GREEN, RED_TO_GREEN, "same"),
        (RED_TO_GREEN, SUITE_PASSES, "worse"),
        (SUITE_PASSES, NOT_VERIFIED, "worse"),
        (NOT_VERIFIED, None, "worse"),
        (None, NOT_VERIFIED, "better"),
        (NOT_VERIFIED, RED_TO_GREEN, "better"),
        (None, None, "same"),
    ],
)
def test_a_case_is_worse_if_less_is_proven(
    a: Verification | None, b: Verification | None, change: str
) -> None:
    assert case(trial(a), trial(b)).change == change


@pytest.mark.parametrize(
    ("verification", "resolved"),
    [(RED_TO_GREEN, True), (SUITE_PASSES, True), (NOT_VERIFIED, False), (None, False)],
)
def test_an_issue_is_resolved_if_the_tests_speak_for_the_change(
    verification: Verification | None, resolved: bool
) -> None:
    assert trial(verification).is_resolved is resolved


def test_the_result_is_the_verification_or_else_the_outcome() -> None:
    assert trial(SUITE_PASSES).result == "suite passes"
    assert trial(None, outcome=Outcome.NEEDS_INFO).result == "needs_info"


def test_a_case_with_a_failed_run_says_nothing_of_the_templates() -> None:
    assert is_complete(case(trial(), trial(None)))
    assert not is_complete(case(trial(), trial(None, outcome=Outcome.FAILED)))
    assert not is_complete(case(trial(None, outcome=Outcome.FAILED), trial()))
