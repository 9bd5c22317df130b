"""Micro-dollars, in which money is stored and added up without rounding, and US dollars."""

import math

_MICRO_USD = 1_000_000


def to_micro_usd(usd: float) -> int:
    """Convert dollars to micro-dollars, rounded up so that a limit is never exceeded."""
    return math.ceil(round(usd * _MICRO_USD, 4))


def to_usd(micro_usd: int) -> float:
    """Convert micro-dollars to dollars."""
    return micro_usd / _MICRO_USD
