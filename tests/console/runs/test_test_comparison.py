"""Tests by name, with their results before and after a change."""

from console.runs.rounds import RoundReport
from console.runs.test_comparison import TestComparison, compare_tests
from pipeline.outcome import Verification
from repository.testing.models import Suite, TestReport
from stages.run_tests import Verdict

SUITE = Suite(
    runnable=True,
    reason="pytest",
    runner="pytest",
    python="3.11",
    tests=(),
    whole=True,
    base=TestReport(
        results={"a": "passed", "b": "failed", "c": "error", "d": "passed"},
        completed=True,
        failures={},
        seconds=1.0,
        log_key="k",
    ),
    log_key=None,
)


def test_what_fails_now_comes_first() -> None:
    verdict = Verdict(
        candidate=0,
        verification=Verification.RED_TO_GREEN,
        reason="it does",
        fixed=("b", "new"),
        still_failing=("c",),
        regressed=("a",),
        flaky=("d",),
        ran=5,
        log_key="k",
    )
    round_ = RoundReport(number=1, reason="", changes=(), verdict=verdict, sent_back="", summary="")
    assert compare_tests(SUITE, round_) == [
        TestComparison("a", "passed", "failed"),
        TestComparison("c", "error", "failed"),
        TestComparison("d", "passed", "flaky"),
        TestComparison("b", "failed", "passed"),
        TestComparison("new", "absent", "passed"),
    ]


def test_without_a_change_the_failing_tests_of_the_base_are_known() -> None:
    assert compare_tests(SUITE, None) == [
        TestComparison("b", "failed", "absent"),
        TestComparison("c", "error", "absent"),
    ]
