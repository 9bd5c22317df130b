"""Paired statistics of two template sets."""

import pytest

from console.comparison.paired_statistics import (
    mcnemar,
    mean_interval,
    proportions_interval,
    summarize,
)
from tests.console.comparison.cases import RED_TO_GREEN, case, trial


def test_mcnemars_test_is_exact() -> None:
    assert mcnemar(0, 0) == mcnemar(3, 3) == 1.0
    assert mcnemar(1, 9) == pytest.approx(0.0215, abs=1e-4)  # 22/1024
    assert mcnemar(0, 5000) < 1e-9


def test_the_interval_of_a_difference_of_shares_is_wide_for_few_issues() -> None:
    low, high = proportions_interval(2, 12, 50)
    assert 0.03 < low < 0.2 < high < 0.37
    assert proportions_interval(0, 0, 1)[0] < -0.5, "one issue proves nothing"


def test_the_interval_of_a_mean_needs_five_differences() -> None:
    assert mean_interval([1.0] * 4) is None
    interval = mean_interval([0.0, 1.0] * 20)
    assert interval is not None and 0.3 < interval[0] < 0.5 < interval[1] < 0.7


def test_issues_are_counted_and_means_compared() -> None:
    cases = []
    for number in range(10):
        verification = RED_TO_GREEN if number % 2 == 0 else None
        a = trial(verification, cost_usd=0.1, rounds=1)
        cases.append(case(a, trial(cost_usd=0.2, rounds=2), number))
    statistics = summarize(cases)
    assert (statistics.only_a, statistics.only_b) == (0, 5)
    assert (statistics.resolved.a, statistics.resolved.b) == (5, 10)
    assert statistics.resolved.difference == 0.5
    assert statistics.cost_usd.difference == pytest.approx(0.1)
    assert statistics.rounds.interval == (1.0, 1.0)
