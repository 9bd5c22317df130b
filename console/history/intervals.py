"""Confidence intervals of shares."""

import math

NORMAL_QUANTILE = 1.959964
"""The quantile of the standard normal distribution for 95 % intervals."""


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, J. Am. Stat. Assoc. 22, 1927).

    It is valid for few trials and for shares near 0 and 1. Without a trial it is 0 to 1.
    """
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    square = NORMAL_QUANTILE**2 / trials
    middle = (share + square / 2) / (1 + square)
    variance = share * (1 - share) / trials + square / (4 * trials)
    half = NORMAL_QUANTILE * math.sqrt(variance) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)
