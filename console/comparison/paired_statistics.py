"""Paired statistics for two template sets that were tried on the same issues."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from console.comparison.trials import Case
from console.history.intervals import NORMAL_QUANTILE

RESAMPLES = 2_000
MIN_FOR_INTERVAL = 5
"""Minimum number of differences for an interval of their mean."""


@dataclass(frozen=True)
class Measure:
    """A value with A and with B."""

    a: float
    b: float
    difference: float
    """Of the means of B and A; for ``resolved``, of the shares."""
    interval: tuple[float, float] | None
    """The 95 % interval of the difference; None if there are too few issues."""


@dataclass(frozen=True)
class PairedStatistics:
    issues: int
    only_a: int
    """Issues that only A resolved."""
    only_b: int
    mcnemar_p: float
    """Two-sided and exact, over the issues that only one of the sets resolved."""
    resolved: Measure
    """``a`` and ``b`` are numbers of issues."""
    cost_usd: Measure
    rounds: Measure


def summarize(cases: Sequence[Case]) -> PairedStatistics:
    """Compare the trials of at least one issue."""
    only_a = 0
    only_b = 0
    for case in cases:
        if case.a.is_resolved and not case.b.is_resolved:
            only_a += 1
        elif case.b.is_resolved and not case.a.is_resolved:
            only_b += 1
    resolved = Measure(
        a=sum(case.a.is_resolved for case in cases),
        b=sum(case.b.is_resolved for case in cases),
        difference=(only_b - only_a) / len(cases),
        interval=proportions_interval(only_a, only_b, len(cases)),
    )
    costs = [(case.a.cost_usd, case.b.cost_usd) for case in cases]
    rounds = [(case.a.rounds, case.b.rounds) for case in cases]
    return PairedStatistics(
        issues=len(cases),
        only_a=only_a,
        only_b=only_b,
        mcnemar_p=mcnemar(only_a, only_b),
        resolved=resolved,
        cost_usd=_compare_means(costs),
        rounds=_compare_means(rounds),
    )


def _compare_means(pairs: Sequence[tuple[float, float]]) -> Measure:
    differences = [b - a for a, b in pairs]
    return Measure(
        a=fmean(a for a, _ in pairs),
        b=fmean(b for _, b in pairs),
        difference=fmean(differences),
        interval=mean_interval(differences),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test: that a fair coin is so uneven."""
    total = only_first + only_second
    fewer = min(only_first, only_second)
    ways = sum(math.comb(total, count) for count in range(fewer + 1))
    return min(1.0, 2 * ways / (1 << total))


def proportions_interval(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of paired proportions.

    It is Wald's interval with half an issue added to each cell, which is valid for few issues, too
    (Agresti & Min, Statistics in Medicine 24, 2005).
    """
    b = only_first + 0.5
    c = only_second + 0.5
    n = count + 2
    middle = (c - b) / n
    half = NORMAL_QUANTILE * math.sqrt(b + c - (c - b) ** 2 / n) / n
    return max(middle - half, -1.0), min(middle + half, 1.0)


def mean_interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean, by bootstrapping with a fixed seed.

    Return None for fewer than ``MIN_FOR_INTERVAL`` differences.
    """
    if len(differences) < MIN_FOR_INTERVAL:
        return None
    rng = random.Random(0)  # noqa: S311 - statistics
    means = []
    for _ in range(RESAMPLES):
        means.append(fmean(rng.choices(differences, k=len(differences))))
    means.sort()
    return means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975) - 1]
