"""Conversions between US dollars and micro-dollars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.money import to_micro_usd, to_usd


@given(st.floats(0, 10_000))
def test_rounding_is_up_to_the_next_millionth(usd: float) -> None:
    assert -1e-3 < to_micro_usd(usd) - usd * 1e6 < 1


@pytest.mark.parametrize(
    ("usd", "micro_usd"),
    [(0, 0), (0.1, 100_000), (0.29, 290_000), (2.0, 2_000_000), (1e-6, 1)],
)
def test_whole_micro_dollars_stay_as_they_are(usd: float, micro_usd: int) -> None:
    assert to_micro_usd(usd) == micro_usd
    assert to_usd(micro_usd) == usd
