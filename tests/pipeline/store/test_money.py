"""The money of runs: reservations, limits, cut calls."""

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.run_key import RunKey
from pipeline.store.contract import BudgetExceeded, Call, Claimed, MoneyCaps, Submission
from pipeline.store.store import RunStore
from tests.pipeline.store.conftest import OPENERS
from tests.stand_ins.runs import DAY, LEASE, Clock, call_request, claim, finish, job

CAPS = MoneyCaps(run=100, repository_day=150, day=200)
NEXT_DAY = "2001-09-10"


def reserve(
    store: RunStore, claimed: Claimed, micro: int, key: str = "1/propose/0", day: str = DAY
) -> Call:
    return store.reserve(claimed.lease, call_request(micro, key=key, day=day), CAPS)


def run_of(store: RunStore, owner: str, number: int) -> Claimed:
    return claim(store, job(issue_url=f"https://github.com/{owner}/repo/issues/{number}"))


def test_the_spend_of_a_day_is_known_by_repository(store: RunStore):
    reserve(store, run_of(store, "octo", 1), 40)
    reserve(store, run_of(store, "octo", 2), 10)
    reserve(store, run_of(store, "other", 1), 30)
    reserve(store, run_of(store, "other", 2), 20, day=NEXT_DAY)
    assert store.spent_by_repository(DAY) == {"octo/repo": 50, "other/repo": 30}
    assert store.spent_by_repository(NEXT_DAY) == {"other/repo": 20}
    assert store.spent_by_repository("2001-09-11") == {}


def test_a_run_tells_what_its_calls_have_cost_so_far(store: RunStore):
    claimed = claim(store)
    first = reserve(store, claimed, 60)
    store.settle(claimed.lease, first, micro_usd=25)
    second = reserve(store, claimed, 30, key="2/propose/0")
    assert stored_cost(store) == 55
    store.release_call(claimed.lease, second)
    assert stored_cost(store) == 25
    third = reserve(store, claimed, 40, key="3/propose/0")
    store.cut_call(claimed.lease, third)
    finish(store, claimed)
    assert stored_cost(store) == 65 == sum(call.micro_usd for call in store.calls(claimed.run.key))


def stored_cost(store: RunStore) -> int:
    run = store.run(job().id)
    assert run is not None
    return run.micro_usd


def test_a_reservation_counts_at_its_worst_case_until_it_is_settled(store: RunStore):
    claimed = claim(store)
    call = reserve(store, claimed, 60)
    assert call == Call("1/propose/0", 1, "reserved", 60, "replies/1", "m")
    assert store.spent(day=DAY) == store.spent(day=DAY, repository="octo/repo") == 60
    store.settle(claimed.lease, call, micro_usd=25)
    assert store.spent(day=DAY) == 25
    assert [(c.state, c.micro_usd) for c in store.calls(RunKey(job().id, 0))] == [("settled", 25)]


def claim_for(store: RunStore, owner: str | None, number: int) -> Claimed:
    claimed = store.claim(Submission.of(job(number), owner=owner), lease_seconds=LEASE)
    assert isinstance(claimed, Claimed)
    return claimed


def test_the_jobs_of_a_key_share_its_budget_of_the_day(store: RunStore):
    caps = replace(CAPS, key_day=60)
    first = claim_for(store, "sevalla", 1)
    call = store.reserve(first.lease, call_request(60), caps)
    second = claim_for(store, "sevalla", 2)
    with pytest.raises(BudgetExceeded, match="the key and day budget") as error:
        store.reserve(second.lease, call_request(1), caps)
    assert error.value.scope == "key_day"
    for owner, number in (("other", 3), (None, 4)):
        claimed = claim_for(store, owner, number)
        assert store.reserve(claimed.lease, call_request(10), caps)
    store.settle(first.lease, call, micro_usd=20)
    store.reserve(second.lease, call_request(40), caps)
    with pytest.raises(BudgetExceeded):
        store.reserve(second.lease, call_request(1, key="2/propose/0"), caps)
    store.reserve(second.lease, call_request(1, key="2/propose/0", day=NEXT_DAY), caps)


def test_a_released_call_gives_its_reservation_back(store: RunStore):
    claimed = claim(store)
    store.release_call(claimed.lease, reserve(store, claimed, 100))
    assert store.spent(day=DAY) == 0
    assert reserve(store, claimed, 100).attempt == 2


def test_a_repeated_call_reserves_again_besides_the_cut_one(store: RunStore):
    claimed = claim(store)
    reserve(store, claimed, 40)
    second = reserve(store, claimed, 40)
    assert (second.attempt, second.reply_key) == (2, "replies/2")
    assert [(c.attempt, c.state, c.micro_usd) for c in store.calls(RunKey(job().id, 0))] == [
        (1, "cut", 40),
        (2, "reserved", 40),
    ]
    with pytest.raises(BudgetExceeded):
        reserve(store, claimed, 40)


def test_a_cut_call_is_settled_when_its_reply_is_found(store: RunStore):
    claimed = claim(store)
    first = reserve(store, claimed, 40)
    reserve(store, claimed, 40)
    store.settle(claimed.lease, first, micro_usd=10)
    assert store.spent(day=DAY) == 50


def test_a_settled_call_stays_as_it_is(store: RunStore):
    claimed = claim(store)
    call = reserve(store, claimed, 40)
    store.settle(claimed.lease, call, micro_usd=10)
    store.settle(claimed.lease, call, micro_usd=99)
    store.release_call(claimed.lease, call)
    assert store.spent(day=DAY) == 10


def test_a_reserved_call_is_cut_at_the_end_of_its_run(store: RunStore):
    claimed = claim(store)
    reserve(store, claimed, 40)
    finish(store, claimed)
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


def test_a_new_day_renews_the_limits_of_the_day_only(store: RunStore):
    claimed = claim(store)
    reserve(store, claimed, 60)
    assert store.spent(day=NEXT_DAY) == 0
    with pytest.raises(BudgetExceeded, match="the run budget"):
        reserve(store, claimed, 60, key="b", day=NEXT_DAY)
    reserve(store, run_of(store, "octo", 2), 100, day=NEXT_DAY)
    assert store.spent(day=NEXT_DAY) == 100


def test_exactly_the_limit_is_allowed(store: RunStore):
    reserve(store, claim(store), CAPS.run)
    assert store.spent(day=DAY) == CAPS.run


def test_concurrent_workers_stay_within_the_day(
    opener: Callable[[Path, Clock], RunStore], tmp_path: Path, clock: Clock
):
    first = opener(tmp_path, clock)
    claimed = [run_of(first, f"owner{n}", n) for n in range(1, 6)]
    stores = [opener(tmp_path, clock) for _ in claimed]
    refused: list[BudgetExceeded] = []

    def spend(store: RunStore, claimed: Claimed) -> None:
        for number in range(4):
            try:
                reserve(store, claimed, 25, key=str(number))
            except BudgetExceeded as error:
                refused.append(error)

    threads = [
        threading.Thread(target=spend, args=pair) for pair in zip(stores, claimed, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.spent(day=DAY) == CAPS.day
    assert len(refused) == 5 * 4 - CAPS.day // 25
    for store in (first, *stores):
        store.close()


@dataclass(frozen=True)
class Step:
    """A step of a random sequence. ``number`` is a sum, or chooses a call."""

    action: str
    run: int
    number: int
    key: str
    day: str


STEPS = st.lists(
    st.builds(
        Step,
        action=st.sampled_from(["reserve", "settle", "release", "finish"]),
        run=st.integers(0, 3),
        number=st.integers(0, 120),
        key=st.sampled_from(["a", "b"]),
        day=st.sampled_from([DAY, NEXT_DAY]),
    ),
    max_size=25,
)


class Spenders:
    """Four runs of two repositories that spend money until they end."""

    def __init__(self, store: RunStore):
        self.store = store
        self.runs: list[Claimed] = []
        for owner in ("octo", "acme"):
            for number in (1, 2):
                self.runs.append(run_of(store, owner, number))
        self.calls: list[tuple[Claimed, Call]] = []
        self.ended: list[Claimed] = []

    def take(self, step: Step) -> None:
        run = self.runs[step.run]
        match step.action:
            case "reserve" if run not in self.ended:
                self.reserve(run, step)
            case "finish" if run not in self.ended:
                finish(self.store, run)
                self.ended.append(run)
            case "settle" | "release" if self.calls:
                self.end_call(step)

    def reserve(self, run: Claimed, step: Step) -> None:
        try:
            call = reserve(self.store, run, step.number, step.key, step.day)
        except BudgetExceeded as error:
            assert error.needed > error.left
        else:
            self.calls.append((run, call))

    def end_call(self, step: Step) -> None:
        run, call = self.calls[step.number % len(self.calls)]
        if run in self.ended:
            return
        if step.action == "settle":
            cost = min(step.number, call.micro_usd)
            self.store.settle(run.lease, call, micro_usd=cost)
        else:
            self.store.release_call(run.lease, call)

    def check_limits(self) -> None:
        for day in (DAY, NEXT_DAY):
            assert self.store.spent(day=day) <= CAPS.day
            for repository in ("octo/repo", "acme/repo"):
                assert self.store.spent(day=day, repository=repository) <= CAPS.repository_day
        for run in self.runs:
            calls = self.store.calls(run.run.key)
            assert sum(call.micro_usd for call in calls) <= CAPS.run


@pytest.mark.parametrize("kind", sorted(OPENERS))
def test_no_sequence_of_calls_exceeds_a_limit(kind: str):
    examples = 25 if kind == "sqlite" else 8  # moto takes a hundred times as long

    @settings(deadline=None, max_examples=examples)
    @given(steps=STEPS)
    def check(steps: list[Step]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = OPENERS[kind](Path(folder), Clock())
            spenders = Spenders(store)
            for step in steps:
                spenders.take(step)
                spenders.check_limits()
            store.close()

    check()


def test_a_reservation_stays_when_the_run_is_taken_over(store: RunStore, clock: Clock):
    reserve(store, claim(store), 70)
    clock.now += LEASE
    with pytest.raises(BudgetExceeded):
        reserve(store, claim(store), 70)


def test_a_refused_reservation_leaves_the_earlier_call_reserved(store: RunStore):
    claimed = claim(store)
    reserve(store, claimed, 60)
    with pytest.raises(BudgetExceeded):
        reserve(store, claimed, 60)
    assert [(c.attempt, c.state) for c in store.calls(claimed.run.key)] == [(1, "reserved")]


def test_a_generation_has_its_own_limit_but_shares_the_days(store: RunStore):
    first = claim(store)
    reserve(store, first, 90)
    finish(store, first)
    replayed = claim(store, job(replay={"id": "again"}))
    with pytest.raises(BudgetExceeded) as caught:
        reserve(store, replayed, 70)
    assert (caught.value.scope, caught.value.left) == ("repository_day", 60)
    reserve(store, replayed, 60)
    assert store.spent(day=DAY) == 150


def test_a_later_delivery_settles_the_call_of_an_earlier_one(store: RunStore, clock: Clock):
    call = reserve(store, claim(store), 70)
    clock.now += LEASE
    second = claim(store)
    store.settle(second.lease, call, micro_usd=20)
    assert [(c.state, c.micro_usd) for c in store.calls(second.run.key)] == [("settled", 20)]
    assert store.spent(day=DAY, repository="octo/repo") == 20


def test_a_call_is_settled_on_the_day_of_its_reservation(store: RunStore, clock: Clock):
    claimed = claim(store)
    call = reserve(store, claimed, 70)
    clock.now += LEASE / 2
    reserve(store, claimed, 10, key="next", day=NEXT_DAY)
    store.settle(claimed.lease, call, micro_usd=20)
    assert (store.spent(day=DAY), store.spent(day=NEXT_DAY)) == (20, 10)


def test_a_call_that_cost_more_than_its_reservation_counts_in_full(store: RunStore):
    claimed = claim(store)
    store.settle(claimed.lease, reserve(store, claimed, 40), micro_usd=55)
    assert store.spent(day=DAY) == 55


def test_an_unknown_call_moves_no_money(store: RunStore):
    claimed = claim(store)
    call = reserve(store, claimed, 40)
    store.settle(claimed.lease, replace(call, attempt=2), micro_usd=1)
    store.release_call(claimed.lease, replace(call, key="other"))
    assert store.spent(day=DAY) == 40


def test_the_limits_are_those_of_the_reservation(store: RunStore):
    claimed = claim(store)
    reserve(store, claimed, 60)
    higher = replace(CAPS, run=130)
    store.reserve(claimed.lease, call_request(60, key="k"), higher)
    assert store.spent(day=DAY) == 120
