"""Confidence intervals of shares."""

import pytest

from console.history.intervals import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        # Brown, Cai & DasGupta, Statistical Science 16 (2001), give the formula.
        (29, 29, 0.8830, 1.0),
        (371, 500, 0.7019, 0.7784),
    ],
)
def test_wilson_intervals(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)
