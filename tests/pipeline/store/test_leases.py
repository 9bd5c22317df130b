"""Writes that need a lease, and those that don't."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import LeaseLost
from pipeline.run_key import RunKey
from pipeline.store.contract import Busy, Claimed, Lease, MoneyCaps, Round
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import checkpoint, started_event, submit
from tests.stand_ins.runs import LEASE, START, TOPIC, Clock, call_request, claim, finish, job

CAPS = MoneyCaps(10**6, 10**7, 10**8)


def test_a_lost_lease_releases_nothing(store: RunStore, clock: Clock):
    first = claim(store)
    clock.now += LEASE
    claim(store)
    store.release(first.lease)
    assert isinstance(submit(store), Busy)


def test_a_renewed_lease_stays_live(store: RunStore, clock: Clock):
    claimed = claim(store)
    clock.now += LEASE - 1
    assert store.renew(claimed.lease, lease_seconds=LEASE) is False
    clock.now += LEASE - 1
    assert isinstance(submit(store), Busy)
    store.save_checkpoint(claimed.lease, checkpoint())


def test_a_heartbeat_after_the_end_of_its_run_is_not_an_error(store: RunStore):
    claimed = claim(store)
    finish(store, claimed)
    assert store.renew(claimed.lease, lease_seconds=LEASE) is False
    with pytest.raises(LeaseLost):
        store.count_try(claimed.lease, "late", 0.0)


def test_an_expired_lease_is_renewed_until_the_run_is_taken_over(store: RunStore, clock: Clock):
    claimed = claim(store)
    clock.now += 5 * LEASE
    store.renew(claimed.lease, lease_seconds=LEASE)
    store.save_checkpoint(claimed.lease, checkpoint())
    clock.now += LEASE
    claim(store)
    with pytest.raises(LeaseLost):
        store.renew(claimed.lease, lease_seconds=LEASE)


WRITES: dict[str, Callable[[RunStore, Claimed], object]] = {
    "count_try": lambda store, claimed: store.count_try(claimed.lease, "an error", 1.0),
    "note_error": lambda store, claimed: store.note_error(claimed.lease, "a refusal"),
    "count_wait": lambda store, claimed: store.count_wait(claimed.lease, "an outage"),
    "save_checkpoint": lambda store, claimed: store.save_checkpoint(
        claimed.lease, checkpoint("late")
    ),
    "open_round": lambda store, claimed: store.open_round(
        claimed.lease, Round(2, "fetch", "red"), 1.0
    ),
    "intend": lambda store, claimed: store.intend(claimed.lease, "push", {"sha": "a"}),
    "record": lambda store, claimed: store.record(claimed.lease, "pull", {"number": 1}),
    "reserve": lambda store, claimed: reserve(store, claimed.lease),
    "settle": lambda store, claimed: store.settle(
        claimed.lease, store.calls(RunKey(job().id, 0))[0], micro_usd=1
    ),
    "release_call": lambda store, claimed: store.release_call(
        claimed.lease, store.calls(RunKey(job().id, 0))[0]
    ),
    "announce": lambda store, claimed: store.announce(claimed.lease, started_event(claimed), TOPIC),
    "finish": finish,
}


def reserve(store: RunStore, lease: Lease) -> object:
    return store.reserve(lease, call_request(1, key="late"), CAPS)


def stored_rows(store: RunStore) -> list[object]:
    rows: list[object] = [store.pending_events(), store.effects(job().id)]
    key = RunKey(job().id, 0)
    rows.append(store.run(key.job_id, key.generation))
    for read in (store.checkpoints, store.rounds, store.calls):
        rows.append(read(key))
    return rows


@pytest.mark.parametrize("write", sorted(WRITES))
@pytest.mark.parametrize("ending", ["expired", "taken over", "released", "finished", "forged"])
def test_nothing_is_written_without_a_live_lease(
    store: RunStore, clock: Clock, write: str, ending: str
):
    claimed = claim(store)
    store.intend(claimed.lease, "pull", {"title": "t"})
    store.reserve(claimed.lease, call_request(5, key="k"), CAPS)
    match ending:
        case "expired":
            clock.now += LEASE
        case "taken over":
            clock.now += LEASE
            claim(store)
        case "released":
            store.release(claimed.lease)
        case "finished":
            finish(store, claimed)
        case "forged":
            claimed = replace(claimed, lease=replace(claimed.lease, token="0" * 32))
    before = stored_rows(store)
    with pytest.raises(LeaseLost):
        WRITES[write](store, claimed)
    assert stored_rows(store) == before


def test_a_released_lease_is_not_renewed(store: RunStore):
    claimed = claim(store)
    store.release(claimed.lease)
    with pytest.raises(LeaseLost):
        store.renew(claimed.lease, lease_seconds=LEASE)


def test_a_forged_lease_is_not_renewed(store: RunStore):
    claimed = claim(store)
    forged = replace(claimed.lease, token="0" * 32)
    with pytest.raises(LeaseLost):
        store.renew(forged, lease_seconds=LEASE)


def test_a_lease_of_an_unknown_run_is_lost(store: RunStore):
    claimed = claim(store)
    unknown = replace(claimed.lease, key=RunKey("nothing", 0))
    store.release(unknown)
    with pytest.raises(LeaseLost):
        store.renew(unknown, lease_seconds=LEASE)
    with pytest.raises(LeaseLost):
        store.count_try(unknown, "an error", 1.0)


def test_a_lease_does_not_hold_for_another_generation(store: RunStore):
    first = claim(store)
    finish(store, first)
    claim(store, job(replay={"id": "again"}))
    other = replace(first.lease, key=RunKey(job().id, 1))
    with pytest.raises(LeaseLost):
        store.count_try(other, "an error", 1.0)


def test_an_expired_lease_that_is_released_is_not_a_crash(store: RunStore, clock: Clock):
    claimed = claim(store)
    clock.now += 2 * LEASE
    store.release(claimed.lease)
    second = claim(store)
    assert (second.run.crashes, second.run.deliveries) == (0, 2)


def test_releasing_twice_has_the_effect_of_once(store: RunStore):
    claimed = claim(store)
    store.release(claimed.lease)
    store.release(claimed.lease)
    moments = [moment.what for moment in store.history(RunKey(job().id, 0))]
    assert moments == ["registered", "delivered", "released"]


def test_the_lease_of_a_finished_run_releases_nothing(store: RunStore):
    claimed = claim(store)
    finish(store, claimed)
    before = store.run(job().id)
    store.release(claimed.lease)
    assert store.run(job().id) == before


def test_a_renewal_counts_from_now(store: RunStore, clock: Clock):
    claimed = claim(store)
    clock.now += 10
    store.renew(claimed.lease, lease_seconds=5.0)
    clock.now += 5
    second = claim(store)
    assert second.lease.expires_at == START + 15 + LEASE


def test_a_cancellation_needs_no_lease(store: RunStore):
    store.release(claim(store).lease)
    assert store.request_cancel(job().id)
    assert store.request_cancel(job().id)
    assert claim(store).run.cancel_requested


def test_a_publication_needs_no_lease(store: RunStore, clock: Clock):
    event = finish(store, claim(store))
    clock.now += 10 * LEASE
    store.mark_published(event.id)
    assert store.pending_events() == []
    store.mark_published("nothing")


def test_writes_of_many_threads_under_one_lease_all_count(
    opener: Callable[[Path, Clock], RunStore], tmp_path: Path, clock: Clock
):
    store = opener(tmp_path, clock)
    claimed = claim(store)
    errors: list[BaseException] = []

    def fail_twice(number: int) -> None:
        try:
            for _ in range(2):
                store.count_try(claimed.lease, f"error {number}", 1.0)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fail_twice, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = store.run(job().id)
    assert errors == []
    assert run is not None
    assert (run.tries, run.seconds) == (6, 6.0)
    assert len(store.history(claimed.run.key)) == 8
    store.close()


def test_a_cancellation_is_kept_apart_from_the_lease(store: RunStore, clock: Clock):
    claimed = claim(store)
    store.request_cancel(job().id)
    clock.now += LEASE
    assert claim(store).run.cancel_requested
    with pytest.raises(LeaseLost):
        store.renew(claimed.lease, lease_seconds=LEASE)
