"""What a lease allows, and what needs none."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import LeaseLost
from pipeline.outcome import Event, RunStarted
from pipeline.run_key import RunKey
from pipeline.store.contract import Claimed
from pipeline.store.store import RunStore
from tests.stand_ins.runs import LEASE, START, TOPIC, Clock, claim, finish, job


def started_event(claimed: Claimed) -> Event:
    data = RunStarted(
        job_id=claimed.run.job_id,
        generation=claimed.run.generation,
        issue_url=claimed.run.issue_url,
        repository=claimed.run.repository,
        trace="t",
    )
    return Event.about(data, "2001-09-09T01:46:40.000Z")


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


def test_an_expired_lease_that_is_released_is_no_crash(store: RunStore, clock: Clock):
    claimed = claim(store)
    clock.now += 2 * LEASE
    store.release(claimed.lease)
    again = claim(store)
    assert (again.run.crashes, again.run.deliveries) == (0, 2)


def test_releasing_twice_is_releasing_once(store: RunStore):
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
    taken = claim(store)
    assert taken.lease.expires_at == START + 15 + LEASE


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


def test_a_result_stands_whichever_delivery_stored_it(store: RunStore, clock: Clock):
    first = claim(store)
    store.intend(first.lease, "push", {"sha": "a"})
    clock.now += LEASE
    second: Claimed = claim(store)
    assert store.intend(second.lease, "push", {"sha": "b"}) == {"sha": "a"}
    store.record(second.lease, "push", {"done": True})
    (effect,) = store.effects(job().id)
    assert (effect.intention, effect.result) == ({"sha": "a"}, {"done": True})


def test_a_result_without_an_intention_is_not_recorded(store: RunStore):
    claimed = claim(store)
    store.record(claimed.lease, "push", {"done": True})
    assert store.effects(job().id) == []


def test_events_wait_in_the_order_in_which_they_were_stored(store: RunStore, clock: Clock):
    events = []
    for number in (3, 1, 2):
        clock.now += 1
        events.append(finish(store, claim(store, job(number))))
    assert [pending.event_id for pending in store.pending_events()] == [e.id for e in events]
    store.mark_published(events[0].id)
    assert [pending.event_id for pending in store.pending_events(1)] == [events[1].id]


def test_an_announced_event_is_not_pending_again_after_its_publication(store: RunStore):
    claimed = claim(store)
    event = started_event(claimed)
    store.announce(claimed.lease, event, TOPIC)
    store.mark_published(event.id)
    store.announce(claimed.lease, event, TOPIC)
    assert store.pending_events() == []


def test_a_cancellation_is_kept_apart_from_the_lease(store: RunStore, clock: Clock):
    claimed = claim(store)
    store.request_cancel(job().id)
    clock.now += LEASE
    assert claim(store).run.cancel_requested
    with pytest.raises(LeaseLost):
        store.renew(claimed.lease, lease_seconds=LEASE)
