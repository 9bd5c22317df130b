"""The progress of a run: checkpoints, rounds, tries, effects, a cancellation."""

import pytest

from pipeline.errors import LeaseLost
from pipeline.run_key import RunKey
from pipeline.store.contract import Claimed, MoneyCaps, Round
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import checkpoint, replay_fields
from tests.stand_ins.runs import LEASE, Clock, call_request, claim, finish, job


def test_rounds_and_seconds_add_up(store: RunStore):
    claimed = claim(store)
    assert store.save_checkpoint(claimed.lease, checkpoint("fetch", seconds=1.0)) is False
    store.open_round(claimed.lease, Round(2, "fetch", "it was red"), 2.0)
    store.save_checkpoint(claimed.lease, checkpoint("fetch", round=2, seconds=4.0))
    assert store.count_try(claimed.lease, "ValueError: x", 8.0) == 1
    assert store.count_try(claimed.lease, "ValueError: y", 16.0) == 2
    run = store.run(job().id, 0)
    assert run is not None
    assert (run.round, run.seconds, run.tries, run.last_error) == (2, 31.0, 2, "ValueError: y")
    assert store.rounds(RunKey(job().id, 0)) == [Round(2, "fetch", "it was red")]
    assert [(c.round, c.stage) for c in store.checkpoints(RunKey(job().id, 0))] == [
        (1, "fetch"),
        (2, "fetch"),
    ]


def test_waits_are_counted_until_the_run_makes_progress(store: RunStore, clock: Clock):
    claimed = claim(store)
    began = clock.now
    store.count_wait(claimed.lease, "GitHub is failing")
    clock.now += 30
    row = store.count_wait(claimed.lease, "GitHub is failing")
    assert (row.waits, row.waiting_since, row.tries) == (2, began, 0)
    assert store.history(row.key)[-1].what == "waits"
    store.save_checkpoint(claimed.lease, checkpoint("fetch"))
    after = store.run(job().id)
    assert after is not None and (after.waits, after.waiting_since) == (0, None)
    assert store.count_wait(claimed.lease, "GitHub is failing").waits == 1
    call = store.reserve(claimed.lease, call_request(1), MoneyCaps(1, 1, 1))
    store.settle(claimed.lease, call, micro_usd=1)
    assert store.count_wait(claimed.lease, "GitHub is failing").waits == 1, "a reply is progress"


def test_checkpoints_are_in_the_order_of_their_writing(store: RunStore):
    claimed = claim(store)
    for stage in ("zeta", "alpha", "mid"):
        store.save_checkpoint(claimed.lease, checkpoint(stage))
    assert [c.stage for c in store.checkpoints(RunKey(job().id, 0))] == ["zeta", "alpha", "mid"]


def test_the_newest_checkpoints_are_read_without_the_others(store: RunStore):
    claimed = claim(store)
    for stage in ("fetch", "prepare", "propose"):
        store.save_checkpoint(claimed.lease, checkpoint(stage))
    newest = store.newest_checkpoints(claimed.run.key, 2)
    assert [stored.stage for stored in newest] == ["propose", "prepare"]


def test_the_first_intention_of_a_run_is_kept(store: RunStore):
    claimed = claim(store)
    assert store.intend(claimed.lease, "push", {"sha": "a", "n": [1, 2]}) == {
        "sha": "a",
        "n": [1, 2],
    }
    assert store.intend(claimed.lease, "push", {"sha": "b"}) == {"sha": "a", "n": [1, 2]}
    store.record(claimed.lease, "push", {"done": True})
    (effect,) = store.effects(job().id)
    assert (effect.generation, effect.name, effect.result) == (0, "push", {"done": True})


def test_the_same_result_again_is_no_progress(store: RunStore):
    claimed = claim(store)
    store.intend(claimed.lease, "push", {"sha": "a"})
    store.record(claimed.lease, "push", {"sha": "a"})
    for waits in (1, 2):
        assert store.count_wait(claimed.lease, "GitHub is failing").waits == waits
        store.record(claimed.lease, "push", {"sha": "a"})


def test_an_intention_is_returned_as_a_later_delivery_reads_it(store: RunStore):
    claimed = claim(store)
    now = store.intend(claimed.lease, "pull", {"labels": ("bug",), "body": "ü 🎉"})
    assert now == store.intend(claimed.lease, "pull", {}) == {"labels": ["bug"], "body": "ü 🎉"}


def test_a_cancellation_is_reported_by_the_next_checkpoint_or_heartbeat(store: RunStore):
    assert store.request_cancel("nothing") is False
    claimed = claim(store)
    assert store.request_cancel(job().id) is True
    assert store.renew(claimed.lease, lease_seconds=LEASE) is True
    assert store.save_checkpoint(claimed.lease, checkpoint()) is True
    store.release(claimed.lease)
    assert claim(store).run.cancel_requested


def test_a_finished_run_cannot_be_cancelled(store: RunStore):
    finish(store, claim(store))
    assert store.request_cancel(job().id) is False
    assert not claim(store, job(**replay_fields("again"))).run.cancel_requested


def test_an_intention_of_an_earlier_delivery_is_kept(store: RunStore, clock: Clock):
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


def test_one_job_at_a_time_may_open_a_pull_request_for_an_issue(store: RunStore, clock: Clock):
    first = claim(store)
    second = claim(store, job(job_id="second"))
    other_issue = claim(store, job(7))
    assert store.claim_issue(first.lease) is None
    assert store.claim_issue(first.lease) is None
    assert store.claim_issue(second.lease) == job().id
    assert store.claim_issue(other_issue.lease) is None
    finish(store, first)
    assert store.claim_issue(second.lease) is None
    replay = claim(store, job(**replay_fields("again")))
    assert store.claim_issue(replay.lease) == "second"
    clock.now += LEASE
    with pytest.raises(LeaseLost):
        store.claim_issue(second.lease)
