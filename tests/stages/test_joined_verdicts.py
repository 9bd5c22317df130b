"""One verdict for a change that several suites test."""

import pytest

from pipeline.outcome import Verification
from repository.testing.detect.draft import Detection, RecipeDraft
from repository.testing.other_projects import Part
from repository.testing.plan import TestPlan
from stages.apply_patch import Candidate
from stages.run_tests.joined_verdicts import join, note_untested
from stages.run_tests.results import Change, Passed, Unproven
from stages.run_tests.verdict import Verdict
from tests.repository.testing.detect.trees import tree_of

RED = Verification.RED_TO_GREEN
SUITE = Verification.SUITE_PASSES
NOT = Verification.NOT_VERIFIED
PLAN = TestPlan(None, "", Detection(RecipeDraft(), ""), tree_of({}))


def passed(verification: Verification, reason: str = "why", test: str = "a") -> Passed:
    verdict = Verdict(
        candidate=0,
        verification=verification,
        reason=reason,
        fixed=(test,),
        still_failing=(),
        ran=2,
        log_key=reason,
    )
    candidate = Candidate(proposal=0, patch_key="", tree="", paths=(), summary="")
    return Passed(Change(0, candidate, b"", {}), verdict, 1, "")


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        (RED, NOT, RED),
        (SUITE, RED, RED),
        (SUITE, SUITE, SUITE),
        (SUITE, NOT, NOT),
        (NOT, SUITE, NOT),
        (NOT, NOT, NOT),
    ],
)
def test_one_proof_is_enough_and_suite_passes_needs_both(
    one: Verification, other: Verification, joined: Verification
) -> None:
    result = join(passed(one), passed(other), ("Python", "Go"))
    assert result.verdict.verification is joined
    assert result.verdict.ran == 4


@pytest.mark.parametrize(
    ("one", "other", "joined"), [(RED, SUITE, RED), (SUITE, SUITE, SUITE), (NOT, RED, NOT)]
)
def test_another_suite_proves_nothing_of_a_change_whose_own_test_fails(
    one: Verification, other: Verification, joined: Verification
) -> None:
    first = passed(one)
    unproven = Unproven(first.change, first.verdict, 1, "", feedback="")
    result = join(unproven, passed(other), ("Python", "Go"))
    assert isinstance(result, Unproven)
    assert result.verdict.verification is joined


def test_the_reason_names_the_suites_and_begins_with_the_proof() -> None:
    result = join(passed(SUITE, "green", "a"), passed(RED, "fixed", "b"), ("Python", "Go"))
    assert result.verdict.reason == "Go: fixed; Python: green"
    assert result.verdict.log_key == "fixed"
    assert result.verdict.fixed == ("a", "b")
    assert result.newly_passing == 2


def test_of_three_suites_each_is_named_once() -> None:
    two = join(passed(SUITE, "green"), passed(RED, "fixed"), ("Python", "Go"))
    three = join(two, passed(NOT, "not covered"), ("", "Rust"))
    assert three.verdict.reason == "Go: fixed; Python: green; Rust: not covered"
    assert three.verdict.verification is RED


def test_a_part_without_tests_is_named_and_the_suite_does_not_pass() -> None:
    part = Part("JavaScript", ("a.js", "b.js", "c.js", "d.js"), PLAN, obstacle="no npm")
    verdict = note_untested(passed(SUITE, "green"), part, part.obstacle).verdict
    assert verdict.verification is NOT
    assert verdict.reason == (
        "green; its changes to a.js, b.js, c.js and 1 more were not tested: no npm"
    )
    assert note_untested(passed(RED), part, "no npm").verdict.verification is RED


def test_sources_that_another_languages_tests_run_are_not_called_untested() -> None:
    part = Part("Rust", ("lib.rs",), PLAN, is_built_elsewhere=True)
    verdict = note_untested(passed(NOT, "green"), part, "no registry").verdict
    assert verdict.reason == "green; the tests in Rust were not run: no registry"
