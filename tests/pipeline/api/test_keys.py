"""Reading CODING_AGENT_API_KEYS, and the pace of calls."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.api.keys import ApiKeys, Buckets
from pipeline.settings import SettingsError, load, secret_values, split_keys
from tests.stand_ins.runs import Clock


def test_entries_are_named_or_bare_and_spaces_around_them_do_not_count():
    assert split_keys(" a=one , two,, a=three,b=x=y== ") == [
        ("a", "one"),
        ("default", "two"),
        ("a", "three"),
        ("b", "x=y=="),
    ]
    assert split_keys("") == split_keys(" , ") == []


@pytest.mark.parametrize(
    "text",
    [
        "ok=1,sevalla=",
        "c2VjcmV0c2VjcmV0MTI=",
        "c2VjcmV0c2VjcmV0MQ==",
        "=secret",
        "a b=secret",
        "a=se cret",
        "a=sécret",
        "a=secret,b=secret",
    ],
)
def test_an_entry_that_could_be_misread_is_refused_without_being_shown(
    text: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODING_AGENT_API_KEYS", text)
    with pytest.raises(SettingsError, match=r"^CODING_AGENT_API_KEYS: entry [12]") as error:
        load()
    assert not any(part in str(error.value) for part in ("secret", "sécret", "c2Vj"))


def test_each_key_is_a_secret_of_the_log(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODING_AGENT_API_KEYS", "alice=first-key,second-key")
    assert {"first-key", "second-key"} <= set(secret_values(load()))


@settings(deadline=None, max_examples=50)
@given(
    keys=st.dictionaries(st.text("abcXYZ019._-", min_size=1), st.sampled_from(["ann", "bob"])),
    tried=st.text(),
)
def test_a_key_is_taken_where_it_is_one_of_them_and_only_then(keys: dict[str, str], tried: str):
    taken = ApiKeys((name, key) for key, name in keys.items())
    assert bool(taken) is bool(keys)
    for key, name in keys.items():
        assert taken.owner(key) == name
    assert taken.owner(tried) == keys.get(tried)


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


def test_who_waits_as_told_is_let_through_and_another_caller_need_not_wait():
    clock = Clock(0.0)
    buckets = Buckets(rate=0.25, burst=2, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 4]
    assert buckets.take("b") == 0
    clock.now += 4
    assert buckets.take("a") == 0


def test_addresses_without_number_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Buckets, "MOST", 3)
    buckets = Buckets(rate=1.0, burst=1, clock=Clock(0.0))
    for caller in "abac":
        buckets.take(caller)
    assert buckets.take("d") == 0
    assert [buckets.take(caller) for caller in "ac"] == [1, 1], "who called last is remembered"
