"""What every RunStore promises of money."""

import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.run_key import RunKey
from pipeline.store.contract import BudgetExceeded, Call, Claimed, MoneyCaps
from pipeline.store.store import RunStore
from tests.pipeline.store.conftest import OPENERS
from tests.stand_ins.runs import DAY, LEASE, Clock, call_request, claim, finish, job

CAPS = MoneyCaps(run=100, repository_day=150, day=200)


def reserve(
    store: RunStore, held: Claimed, micro: int, key: str = "1/propose/0", day: str = DAY
) -> Call:
    return store.reserve(held.lease, call_request(micro, key=key, day=day), CAPS)


def run_of(store: RunStore, owner: str, number: int) -> Claimed:
    return claim(store, job(issue_url=f"https://github.com/{owner}/repo/issues/{number}"))


def test_a_reservation_counts_at_its_worst_case_until_it_is_settled(store: RunStore):
    held = claim(store)
    call = reserve(store, held, 60)
    assert call == Call("1/propose/0", 1, "reserved", 60, "replies/1", "m")
    assert store.spent(day=DAY) == store.spent(day=DAY, repository="octo/repo") == 60
    store.settle(held.lease, call, micro_usd=25)
    assert store.spent(day=DAY) == 25
    assert [(c.state, c.micro_usd) for c in store.calls(RunKey(job().id, 0))] == [("settled", 25)]


def test_what_was_certainly_not_charged_is_given_back(store: RunStore):
    held = claim(store)
    store.release_call(held.lease, reserve(store, held, 100))
    assert store.spent(day=DAY) == 0
    assert reserve(store, held, 100).attempt == 2


def test_a_cut_call_keeps_its_reservation_and_its_repetition_reserves_anew(store: RunStore):
    held = claim(store)
    reserve(store, held, 40)
    again = reserve(store, held, 40)
    assert (again.attempt, again.reply_key) == (2, "replies/2")
    assert [(c.attempt, c.state, c.micro_usd) for c in store.calls(RunKey(job().id, 0))] == [
        (1, "cut", 40),
        (2, "reserved", 40),
    ]
    with pytest.raises(BudgetExceeded):
        reserve(store, held, 40)


def test_a_cut_call_whose_reply_turned_up_is_settled(store: RunStore):
    held = claim(store)
    first = reserve(store, held, 40)
    reserve(store, held, 40)
    store.settle(held.lease, first, micro_usd=10)
    assert store.spent(day=DAY) == 50


def test_what_was_settled_or_given_back_is_moved_no_more(store: RunStore):
    held = claim(store)
    call = reserve(store, held, 40)
    store.settle(held.lease, call, micro_usd=10)
    store.settle(held.lease, call, micro_usd=99)
    store.release_call(held.lease, call)
    assert store.spent(day=DAY) == 10


def test_a_call_still_reserved_when_its_run_ends_was_cut(store: RunStore):
    held = claim(store)
    reserve(store, held, 40)
    finish(store, held)
    assert [(c.state, c.micro_usd) for c in store.calls(RunKey(job().id, 0))] == [("cut", 40)]


@pytest.mark.parametrize(
    ("scope", "spent", "left"),
    [
        ("run", [("octo", 1, 80)], 20),
        ("repository_day", [("octo", 2, 80), ("octo", 1, 60)], 10),
        ("day", [("acme", 1, 75), ("acme", 2, 75), ("octo", 1, 50)], 0),
    ],
)
def test_each_scope_has_its_own_limit(
    store: RunStore, scope: str, spent: list[tuple[str, int, int]], left: int
):
    runs = {(owner, number): run_of(store, owner, number) for owner, number, _ in spent}
    for owner, number, micro in spent:
        reserve(store, runs[owner, number], micro)
    with pytest.raises(BudgetExceeded) as caught:
        reserve(store, runs["octo", 1], 30, key="2/propose/0")
    assert (caught.value.scope, caught.value.needed, caught.value.left) == (scope, 30, left)
    assert store.spent(day=DAY) == sum(micro for _, _, micro in spent)


def test_a_new_day_has_its_own_limits_but_the_run_has_not(store: RunStore):
    held = claim(store)
    reserve(store, held, 60)
    assert store.spent(day="2001-09-10") == 0
    with pytest.raises(BudgetExceeded, match="the run budget"):
        reserve(store, held, 60, key="b", day="2001-09-10")
    reserve(store, run_of(store, "octo", 2), 100, day="2001-09-10")
    assert store.spent(day="2001-09-10") == 100


def test_exactly_the_limit_is_allowed(store: RunStore):
    reserve(store, claim(store), CAPS.run)
    assert store.spent(day=DAY) == CAPS.run


def test_workers_that_reserve_at_once_stay_within_the_day(
    opener: Callable[[Path, Clock], RunStore], tmp_path: Path, clock: Clock
):
    first = opener(tmp_path, clock)
    held = [run_of(first, f"owner{n}", n) for n in range(1, 6)]
    stores = [opener(tmp_path, clock) for _ in held]
    refused: list[BudgetExceeded] = []

    def spend(store: RunStore, mine: Claimed) -> None:
        for number in range(4):
            try:
                reserve(store, mine, 25, key=str(number))
            except BudgetExceeded as error:
                refused.append(error)

    threads = [threading.Thread(target=spend, args=pair) for pair in zip(stores, held, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.spent(day=DAY) == CAPS.day
    assert len(refused) == 5 * 4 - CAPS.day // 25
    for store in (first, *stores):
        store.close()


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "release", "finish"]),
        st.integers(0, 3),
        st.integers(0, 120),
        st.sampled_from(["a", "b"]),
        st.sampled_from([DAY, "2001-09-10"]),
    ),
    max_size=25,
)


@pytest.mark.parametrize("kind", sorted(OPENERS))
def test_reserved_and_settled_never_pass_a_limit(kind: str):
    examples = 25 if kind == "sqlite" else 8  # a stand-in of AWS takes a hundred times as long

    @settings(deadline=None, max_examples=examples)
    @given(steps=_STEPS)
    def holds(steps: list[tuple[str, int, int, str, str]]) -> None:
        spend(kind, steps)

    holds()


def spend(kind: str, steps: list[tuple[str, int, int, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = OPENERS[kind](Path(folder), Clock())
        held = [run_of(store, owner, number) for owner in ("octo", "acme") for number in (1, 2)]
        calls: list[tuple[Claimed, Call]] = []
        done: set[int] = set()
        for what, which, micro, key, day in steps:
            if what == "reserve" and which not in done:
                try:
                    calls.append((held[which], reserve(store, held[which], micro, key, day)))
                except BudgetExceeded as error:
                    assert error.needed > error.left
            elif what == "finish" and which not in done:
                finish(store, held[which])
                done.add(which)
            elif what in ("settle", "release") and calls:
                mine, call = calls[micro % len(calls)]
                if held.index(mine) in done:
                    continue
                if what == "settle":
                    store.settle(mine.lease, call, micro_usd=min(micro, call.micro_usd))
                else:
                    store.release_call(mine.lease, call)
            for on in (DAY, "2001-09-10"):
                assert store.spent(day=on) <= CAPS.day
                for repository in ("octo/repo", "acme/repo"):
                    assert store.spent(day=on, repository=repository) <= CAPS.repository_day
            for run in held:
                assert (
                    sum(call.micro_usd for call in store.calls(RunKey(run.run.job_id, 0)))
                    <= CAPS.run
                )
        store.close()


def test_a_lease_taken_over_carries_the_money_with_it(store: RunStore, clock: Clock):
    reserve(store, claim(store), 70)
    clock.now += LEASE
    with pytest.raises(BudgetExceeded):
        reserve(store, claim(store), 70)


def test_a_refused_reservation_leaves_the_earlier_call_reserved(store: RunStore):
    held = claim(store)
    reserve(store, held, 60)
    with pytest.raises(BudgetExceeded):
        reserve(store, held, 60)
    assert [(c.attempt, c.state) for c in store.calls(held.run.key)] == [(1, "reserved")]


def test_a_generation_has_a_limit_of_its_own_but_shares_the_day(store: RunStore):
    first = claim(store)
    reserve(store, first, 90)
    finish(store, first)
    again = claim(store, job(replay={"id": "again"}))
    with pytest.raises(BudgetExceeded) as caught:
        reserve(store, again, 70)
    assert (caught.value.scope, caught.value.left) == ("repository_day", 60)
    reserve(store, again, 60)
    assert store.spent(day=DAY) == 150


def test_a_later_delivery_settles_the_call_of_an_earlier_one(store: RunStore, clock: Clock):
    call = reserve(store, claim(store), 70)
    clock.now += LEASE
    second = claim(store)
    store.settle(second.lease, call, micro_usd=20)
    assert [(c.state, c.micro_usd) for c in store.calls(second.run.key)] == [("settled", 20)]
    assert store.spent(day=DAY, repository="octo/repo") == 20


def test_a_call_is_settled_on_the_day_of_its_reservation(store: RunStore, clock: Clock):
    held = claim(store)
    call = reserve(store, held, 70)
    clock.now += LEASE / 2
    reserve(store, held, 10, key="next", day="2001-09-10")
    store.settle(held.lease, call, micro_usd=20)
    assert (store.spent(day=DAY), store.spent(day="2001-09-10")) == (20, 10)


def test_a_call_that_cost_more_than_its_reservation_counts_in_full(store: RunStore):
    held = claim(store)
    store.settle(held.lease, reserve(store, held, 40), micro_usd=55)
    assert store.spent(day=DAY) == 55


def test_an_unknown_call_moves_no_money(store: RunStore):
    held = claim(store)
    call = reserve(store, held, 40)
    store.settle(held.lease, replace(call, attempt=2), micro_usd=1)
    store.release_call(held.lease, replace(call, key="other"))
    assert store.spent(day=DAY) == 40


def test_the_limits_are_those_of_the_reservation(store: RunStore):
    held = claim(store)
    reserve(store, held, 60)
    higher = replace(CAPS, run=130)
    store.reserve(held.lease, call_request(60, key="k"), higher)
    assert store.spent(day=DAY) == 120
