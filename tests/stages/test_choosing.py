"""The choice among candidates."""

import pytest

from pipeline.outcome import Verification
from stages.apply_patch import Candidate
from stages.propose_patch.semantic_hash import semantic_hash
from stages.run_tests.choosing import choose, different, least_broken
from stages.run_tests.results import Change, DidNotRun, Passed, Regressed, Unproven
from stages.run_tests.verdict import Verdict


def change(number: int, size: int = 10, agreeing: int = 1) -> Change:
    candidate = Candidate(
        proposal=number,
        patch_key="",
        tree=str(number),
        paths=(),
        summary="",
        agreeing=agreeing,
    )
    return Change(number, candidate, b"x" * size, {})


def passed(
    number: int,
    verification: Verification = Verification.NOT_VERIFIED,
    *,
    newly_passing: int = 0,
    meaning: str = "",
    size: int = 10,
    agreeing: int = 1,
) -> Passed:
    return Passed(
        change=change(number, size, agreeing),
        verdict=verdict(number, verification),
        newly_passing=newly_passing,
        semantic_hash=meaning or str(number),
    )


def verdict(number: int, verification: Verification) -> Verdict:
    return Verdict(
        candidate=number,
        verification=verification,
        reason="",
        fixed=(),
        still_failing=(),
        ran=1,
        log_key=None,
    )


def unproven_result(number: int, verification: Verification) -> Unproven:
    return Unproven(
        change=change(number),
        verdict=verdict(number, verification),
        newly_passing=9,
        semantic_hash=str(number),
        feedback="",
    )


def test_verification_precedes_the_number_of_newly_passing_tests() -> None:
    results = [
        passed(0, Verification.SUITE_PASSES, newly_passing=3),
        passed(1, Verification.RED_TO_GREEN, newly_passing=1),
    ]
    assert choose(results).change.number == 1


def test_more_newly_passing_tests_are_better() -> None:
    results = [passed(0, newly_passing=1), passed(1, newly_passing=2)]
    assert choose(results).change.number == 1


def test_the_majority_precedes_the_size_of_the_patch() -> None:
    results = [
        passed(0, meaning="a", size=1),
        passed(1, meaning="b", size=9),
        passed(2, meaning="b", size=8),
    ]
    assert choose(results).change.number == 2


def test_the_first_candidate_wins_a_tie() -> None:
    assert choose([passed(1), passed(0)]).change.number == 0


@pytest.mark.parametrize(
    ("results", "left"),
    [
        ([passed(0)], [0]),
        ([passed(0), passed(1)], [0, 1]),
        ([passed(0, agreeing=2), passed(1)], [0]),
        ([passed(0), passed(1, meaning="b", size=9), passed(2, meaning="b", size=8)], [2]),
        ([passed(0, agreeing=2), passed(1, meaning="b"), passed(2, meaning="b")], [0, 1]),
    ],
    ids=["one", "two that differ", "the same tree twice", "the same in other words", "two and two"],
)
def test_the_majority_is_left_or_else_one_result_of_each_different_change(
    results: list[Passed], left: list[int]
) -> None:
    assert [result.change.number for result in different(results)] == left


def test_a_crash_is_worse_than_any_number_of_regressions() -> None:
    crashed = DidNotRun(change(0), "crashed")
    broken = Regressed(change(1), 1_000, "broken")
    assert least_broken([crashed, broken]) is broken


def test_a_failing_reproduction_is_better_than_a_regression() -> None:
    unproven = unproven_result(0, Verification.NOT_VERIFIED)
    broken = Regressed(change(1), 1, "broken")
    assert least_broken([broken, unproven]) is unproven


def is_test(path: str) -> bool:
    return path.startswith("test_")


def test_layout_comments_docstrings_and_tests_do_not_change_the_meaning() -> None:
    plain = semantic_hash({"a.py": b"def f():\n    return 1\n"}, is_test)
    source = b'def f():\n    """Return one."""\n    return (1)  # one\n'
    assert semantic_hash({"a.py": source, "test_a.py": b"x = 1\n"}, is_test) == plain
    assert semantic_hash({"a.py": b"def f():\n    return 2\n"}, is_test) != plain


def test_a_removed_file_differs_from_an_empty_one() -> None:
    assert semantic_hash({"a.py": None}, is_test) != semantic_hash({"a.py": b""}, is_test)


def test_a_change_of_only_tests_is_compared_by_its_tests() -> None:
    first = semantic_hash({"test_a.py": b"x = 1\n"}, is_test)
    assert semantic_hash({"test_a.py": b"x = 2\n"}, is_test) != first
