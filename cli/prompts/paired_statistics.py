"""Paired statistics for two template sets that were tried on the same issues."""

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

RESAMPLES = 2_000
NORMAL_QUANTILE = 1.959964
"""The quantile of the standard normal distribution for 95 % intervals."""
MIN_FOR_INTERVAL = 5
"""Minimum number of differences for an interval of their mean."""


@dataclass(frozen=True)
class Trial:
    """The result of one issue with one template set."""

    issue: str
    resolved: bool
    cost_usd: float
    rounds: int
    failed: bool = False
    """It did not finish, for example because of an outage, so says nothing about the templates."""


Pairs = Sequence[tuple[Trial, Trial]]


def summarize(pairs: Pairs) -> dict[str, Any]:
    """Compare paired trials; return plain data for JSON.

    ``mcnemar_p`` is two-sided and exact, over the issues that only one of the sets resolved.
    """
    only_a = sum(1 for a, b in pairs if a.resolved and not b.resolved)
    only_b = sum(1 for a, b in pairs if b.resolved and not a.resolved)
    return {
        "issues": len(pairs),
        "only_a": only_a,
        "only_b": only_b,
        "mcnemar_p": mcnemar(only_a, only_b),
        "resolved": {
            "a": sum(1 for a, _ in pairs if a.resolved),
            "b": sum(1 for _, b in pairs if b.resolved),
            "difference": (only_b - only_a) / len(pairs),
            "interval": proportions_interval(only_a, only_b, len(pairs)),
        },
        "cost_usd": _compare_means([(a.cost_usd, b.cost_usd) for a, b in pairs]),
        "rounds": _compare_means([(float(a.rounds), float(b.rounds)) for a, b in pairs]),
        "rows": [{"issue": a.issue, "a": asdict(a), "b": asdict(b)} for a, b in pairs],
    }


def _compare_means(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    differences = [b - a for a, b in pairs]
    return {
        "a": fmean(a for a, _ in pairs),
        "b": fmean(b for _, b in pairs),
        "difference": fmean(differences),
        "interval": mean_interval(differences),
    }


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
