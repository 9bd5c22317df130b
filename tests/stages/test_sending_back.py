"""Why a round is sent back, in a sentence for a person."""

import pytest

from stages.apply_patch import Candidate
from stages.run_tests.choosing import Rejected
from stages.run_tests.results import Change, DidNotRun, Regressed
from stages.run_tests.sending_back import summarize

CHANGE = Change(
    number=0,
    candidate=Candidate(proposal=0, patch_key="k", tree="t", paths=("a.py",), summary=""),
    patch=b"",
    files={},
)


def regressed(*tests: str) -> Regressed:
    return Regressed(CHANGE, len(tests), feedback="", failing=tests)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (DidNotRun(CHANGE, feedback=""), "the tests did not run to completion"),
        (regressed("a::b"), "1 test that must pass fails: a::b"),
        (regressed("a", "b", "c", "d", "e"), "5 tests that must pass fail: a, b, c and 2 more"),
        (regressed("a\n\x1b[2J::b"), "1 test that must pass fails: a [2J::b"),
    ],
)
def test_the_failing_tests_are_named(result: Rejected, sentence: str) -> None:
    assert summarize(result) == sentence
