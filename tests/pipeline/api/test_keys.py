"""API keys and rate limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.api.keys import ApiKeys, Buckets, Caller
from pipeline.api_keys import ApiKey, KeyLimits
from tests.stand_ins.runs import Clock


@settings(deadline=None, max_examples=50)
@given(
    keys=st.dictionaries(st.text("abcXYZ019._-", min_size=1), st.sampled_from(["ann", "bob"])),
    tried=st.text(),
)
def test_exactly_the_valid_keys_have_an_owner(keys: dict[str, str], tried: str):
    limits = KeyLimits()
    api_keys = ApiKeys(ApiKey(name, key, limits) for key, name in keys.items())
    assert bool(api_keys) is bool(keys)
    for key, name in keys.items():
        assert api_keys.caller(key) == Caller(name, limits)
    assert (api_keys.caller(tried) is not None) is (tried in keys)


@settings(deadline=None, max_examples=50)
@given(waits=st.lists(st.floats(0, 5), max_size=60))
def test_no_caller_gets_more_than_its_burst_and_its_rate(waits: list[float]):
    clock = Clock(0.0)
    buckets = Buckets(rate=2.0, burst=5, clock=clock)
    allowed = 0
    for wait in waits:
        clock.now += wait
        allowed += buckets.take("a") == 0
        assert allowed <= 5 + 2.0 * clock.now + 1e-6


def test_caller_that_waits_is_admitted_and_another_need_not_wait():
    clock = Clock(0.0)
    buckets = Buckets(rate=0.25, burst=2, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 4]
    assert buckets.take("b") == 0
    clock.now += 4
    assert buckets.take("a") == 0


def test_countless_addresses_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Buckets, "MAX_CALLERS", 3)
    buckets = Buckets(rate=1.0, burst=1, clock=Clock(0.0))
    for caller in "abac":
        buckets.take(caller)
    assert buckets.take("d") == 0
    assert [buckets.take(caller) for caller in "ac"] == [1, 1], "the latest callers are remembered"
