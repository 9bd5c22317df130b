"""Claims of a run, and registrations before its delivery."""

import threading
from collections.abc import Callable
from pathlib import Path

from pipeline.run_key import RunKey
from pipeline.store.contract import Busy, Claim, Claimed, Finished, Registration, Submission
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import checkpoint, register, replay_fields, submit
from tests.stand_ins.runs import LEASE, START, Clock, claim, finish, job


def test_the_first_claim_makes_the_job_and_its_run(store: RunStore):
    claimed = claim(store, job(metadata={"team": "a"}))
    run = claimed.run
    assert (run.job_id, run.generation, run.state, run.outcome, run.round) == (
        job().id,
        0,
        "running",
        None,
        1,
    )
    assert (run.repository, run.issue_url, run.deliveries, run.tries) == (
        "octo/repo",
        job().issue_url,
        1,
        0,
    )
    assert run.created_at == START
    assert not run.cancel_requested
    assert claimed.lease.expires_at == START + LEASE
    assert not claimed.body_differs
    assert store.run(job().id) == run


def test_a_live_lease_makes_others_wait_for_its_end(store: RunStore, clock: Clock):
    claim(store)
    clock.now += LEASE - 1
    assert submit(store) == Busy(START + LEASE)


def test_an_expired_lease_is_taken_over(store: RunStore, clock: Clock):
    first = claim(store)
    clock.now += LEASE
    second = claim(store)
    assert second.run.deliveries == 2
    assert second.run.generation == 0
    assert second.lease.token != first.lease.token


def test_a_released_run_is_resumed_at_once(store: RunStore):
    first = claim(store)
    store.save_checkpoint(first.lease, checkpoint())
    store.release(first.lease)
    waiting = store.run(job().id)
    assert waiting is not None
    assert waiting.state == "queued"
    second = claim(store)
    assert second.run.deliveries == 2
    assert second.run.seconds == 1.5
    assert store.checkpoints(RunKey(job().id, 0)) == [checkpoint()]


def test_a_finished_run_is_answered_with_its_event(store: RunStore, clock: Clock):
    event = finish(store, claim(store))
    clock.now += 10 * LEASE
    answer = submit(store)
    assert isinstance(answer, Finished)
    assert answer.run.event == event.model_dump_json()
    assert answer.run.state == "finished"


def test_the_first_body_is_kept_and_a_difference_is_reported(store: RunStore):
    store.release(claim(store, job(metadata={"n": "1"})).lease)
    second = claim(store, job(metadata={"n": "2"}))
    assert second.body_differs
    assert '"n":"1"' in second.run.body
    store.release(second.lease)
    assert not claim(store, job(metadata={"n": "1"})).body_differs


def test_only_a_lease_that_was_not_released_is_a_crash(store: RunStore, clock: Clock):
    assert claim(store).run.crashes == 0
    clock.now += LEASE
    died = claim(store)
    assert died.run.crashes == 1
    store.release(died.lease)
    assert claim(store).run.crashes == 1


def test_a_registered_job_is_queued_under_its_owner(store: RunStore):
    run = register(store, owner="sevalla")
    assert (run.state, run.owner) == ("queued", "sevalla")
    claimed = claim(store)
    assert claimed.run.owner == "sevalla"
    assert claimed.run.generation == 0


def test_registering_again_returns_the_same_run(store: RunStore):
    first = store.register(Submission.of(job(), owner="sevalla"))
    second = store.register(Submission.of(job(metadata={"a": "b"}), owner="other"))
    assert second.run == first.run
    assert second.body_differs


def test_what_a_registration_would_return_is_read_without_starting_anything(store: RunStore):
    assert store.find(Submission.of(job())) == Registration(None, None, body_differs=False)
    run = register(store)
    assert store.find(Submission.of(job())) == Registration(run, run, body_differs=False)
    replay = Submission.of(job(**replay_fields("again")))
    assert store.find(replay) == Registration(run, None, body_differs=False)
    assert len(store.runs()) == 1


def test_a_run_delivered_before_its_registration_has_the_owner_of_its_message(store: RunStore):
    submission = Submission.of(job(), owner="sevalla")
    claimed = store.claim(submission, lease_seconds=LEASE)
    assert isinstance(claimed, Claimed)
    assert claimed.run.owner == "sevalla"
    registered = store.register(submission).run
    assert registered is not None
    assert registered.owner == "sevalla"


def test_a_job_that_was_sent_to_the_queue_keeps_having_no_owner(store: RunStore):
    claimed = claim(store)
    assert claimed.run.owner is None
    assert register(store, owner="sevalla").owner is None
    finish(store, claimed)
    assert register(store, job(**replay_fields("again")), owner="sevalla").owner is None


def test_a_replay_is_registered_after_the_end_of_the_run_before_it(store: RunStore):
    running = claim(store)
    replay = job(**replay_fields("once more"))
    waiting = store.register(Submission.of(replay))
    assert waiting == Registration(running.run, None, body_differs=False)
    finish(store, running)
    assert register(store, replay).generation == 1
    assert register(store, replay).generation == 1


def test_the_history_of_a_run_is_in_order(store: RunStore, clock: Clock):
    register(store, owner="sevalla")
    store.release(claim(store).lease)
    claim(store)
    clock.now += LEASE
    last = claim(store)
    store.count_try(last.lease, "no disk", 1.0)
    store.request_cancel(job().id)
    finish(store, last)
    rows = store.history(RunKey(job().id, 0))
    assert [(moment.what, moment.detail) for moment in rows] == [
        ("registered", "sevalla"),
        ("delivered", ""),
        ("released", ""),
        ("delivered", ""),
        ("delivered", "the last delivery died"),
        ("try failed", "no disk"),
        ("cancel requested", ""),
        ("finished", "no_fix"),
    ]
    assert [moment.at for moment in rows] == sorted(moment.at for moment in rows)


def test_one_of_many_concurrent_claims_wins(
    opener: Callable[[Path, Clock], RunStore], tmp_path: Path, clock: Clock
):
    stores = [opener(tmp_path, clock) for _ in range(4)]
    barrier = threading.Barrier(len(stores))
    answers: list[Claim] = []

    def take(store: RunStore) -> None:
        barrier.wait()
        answers.append(submit(store))

    threads = [threading.Thread(target=take, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(answer).__name__ for answer in answers) == [
        "Busy",
        "Busy",
        "Busy",
        "Claimed",
    ]
    for store in stores:
        store.close()
