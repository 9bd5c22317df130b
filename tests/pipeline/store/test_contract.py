"""What every RunStore promises: claims, leases, generations, effects, and the end of a run."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import LeaseLost
from pipeline.outcome import Event, Outcome, RunStarted
from pipeline.run_key import RunKey
from pipeline.store.contract import (
    Busy,
    Checkpoint,
    Claim,
    Claimed,
    Finished,
    Lease,
    MoneyCaps,
    PendingEvent,
    Round,
    Submission,
)
from pipeline.store.store import RunStore
from tests.stand_ins.runs import (
    LEASE,
    START,
    TOPIC,
    Clock,
    call_request,
    claim,
    finish,
    job,
    result_of,
)

CAPS = MoneyCaps(10**6, 10**7, 10**8)


def ask(store: RunStore, redrive_of: int | None = None, **fields: object) -> Claim:
    return store.claim(Submission.of(job(**fields), redrive_of=redrive_of), lease_seconds=LEASE)  # type: ignore[arg-type]


def replay(name: str, **more: object) -> dict[str, object]:
    return {"replay": {"id": name} | more}


def point(
    stage: str = "fetch", round: int = 1, seconds: float = 1.5, at: float = START
) -> Checkpoint:
    return Checkpoint(round, stage, "{}", False, seconds, at)


def started(claimed: Claimed) -> Event:
    run = claimed.run
    data = RunStarted(
        job_id=run.job_id,
        generation=run.generation,
        issue_url=run.issue_url,
        repository=run.repository,
        trace="t",
    )
    return Event.about(data, "2001-09-09T01:46:40.000Z")


# Claims


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
    assert run.created_at == START and not run.cancel_requested
    assert claimed.lease.expires_at == START + LEASE
    assert not claimed.body_differs
    assert store.run(job().id) == run


def test_a_live_lease_keeps_everybody_else_out_and_says_until_when(store: RunStore, clock: Clock):
    claim(store)
    clock.now += LEASE - 1
    assert ask(store) == Busy(START + LEASE)


def test_an_expired_lease_is_taken_over(store: RunStore, clock: Clock):
    first = claim(store)
    clock.now += LEASE
    second = claim(store)
    assert second.run.deliveries == 2 and second.run.generation == 0
    assert second.lease.token != first.lease.token


def test_a_released_run_is_claimed_at_once_and_goes_on_where_it_was(store: RunStore):
    first = claim(store)
    store.save_checkpoint(first.lease, point())
    store.release(first.lease)
    waiting = store.run(job().id)
    assert waiting is not None and waiting.state == "queued"
    second = claim(store)
    assert second.run.deliveries == 2 and second.run.seconds == 1.5
    assert store.checkpoints(RunKey(job().id, 0)) == [point()]


def test_a_lease_that_was_lost_releases_nothing(store: RunStore, clock: Clock):
    first = claim(store)
    clock.now += LEASE
    claim(store)
    store.release(first.lease)
    assert isinstance(ask(store), Busy)


def test_a_finished_run_is_told_with_its_event_and_never_claimed_again(
    store: RunStore, clock: Clock
):
    event = finish(store, claim(store))
    clock.now += 10 * LEASE
    answer = ask(store)
    assert isinstance(answer, Finished)
    assert answer.run.event == event.model_dump_json() and answer.run.state == "finished"


def test_the_first_body_stands_and_another_one_is_told(store: RunStore):
    store.release(claim(store, job(metadata={"n": "1"})).lease)
    second = claim(store, job(metadata={"n": "2"}))
    assert second.body_differs and '"n":"1"' in second.run.body
    store.release(second.lease)
    assert not claim(store, job(metadata={"n": "1"})).body_differs


def test_only_a_delivery_that_gave_nothing_back_is_a_crash(store: RunStore, clock: Clock):
    assert claim(store).run.crashes == 0
    clock.now += LEASE
    died = claim(store)
    assert died.run.crashes == 1
    store.release(died.lease)
    assert claim(store).run.crashes == 1


# What is registered before it is delivered


def test_a_registered_job_waits_for_its_delivery_under_its_owners_name(store: RunStore):
    registered = store.register(Submission.of(job()), owner="sevalla")
    assert (registered.run.state, registered.run.owner, registered.body_differs) == (
        "queued",
        "sevalla",
        False,
    )
    claimed = claim(store)
    assert claimed.run.owner == "sevalla" and claimed.run.generation == 0


def test_registering_again_gives_the_same_run_and_tells_another_body(store: RunStore):
    first = store.register(Submission.of(job()), owner="sevalla")
    again = store.register(Submission.of(job(metadata={"a": "b"})), owner="other")
    assert again.run == first.run and again.body_differs


def test_a_run_that_was_delivered_before_it_was_registered_gets_its_owner_and_keeps_it(
    store: RunStore,
):
    claim(store)
    owners = [
        store.register(Submission.of(job()), owner=owner).run.owner
        for owner in (None, "sevalla", "other")
    ]
    stored = store.run(job().id)
    assert owners == [None, "sevalla", "sevalla"] and stored and stored.owner == "sevalla"


def test_a_replay_is_registered_once_the_run_before_it_has_ended(store: RunStore):
    running = claim(store)
    wanted = Submission.of(job(**replay("once more")))
    assert store.register(wanted, owner="sevalla").run.generation == 0
    finish(store, running)
    assert store.register(wanted, owner="sevalla").run.generation == 1
    assert store.register(wanted, owner="sevalla").run.generation == 1
    assert claim(store, job(**replay("once more"))).run.owner == "sevalla"


def test_a_runs_history_tells_what_happened_to_it_in_order(store: RunStore, clock: Clock):
    store.register(Submission.of(job()), owner="sevalla")
    store.release(claim(store).lease)
    claim(store)
    clock.now += LEASE
    last = claim(store)
    store.count_try(last.lease, "no disk", 1.0)
    store.request_cancel(job().id)
    finish(store, last)
    told = store.history(RunKey(job().id, 0))
    assert [(moment.what, moment.detail) for moment in told] == [
        ("registered", "sevalla"),
        ("delivered", ""),
        ("released", ""),
        ("delivered", ""),
        ("delivered", "the last delivery died"),
        ("try failed", "no disk"),
        ("cancel requested", ""),
        ("finished", "no_fix"),
    ]
    assert [moment.at for moment in told] == sorted(moment.at for moment in told)


def test_a_renewed_lease_lives_on(store: RunStore, clock: Clock):
    claimed = claim(store)
    clock.now += LEASE - 1
    assert store.renew(claimed.lease, lease_seconds=LEASE) is False
    clock.now += LEASE - 1
    assert isinstance(ask(store), Busy)
    store.save_checkpoint(claimed.lease, point())


def test_a_heartbeat_after_the_end_of_ones_own_run_is_no_loss(store: RunStore):
    claimed = claim(store)
    finish(store, claimed)
    assert store.renew(claimed.lease, lease_seconds=LEASE) is False
    with pytest.raises(LeaseLost):
        store.count_try(claimed.lease, "late", 0.0)


def test_a_lease_that_ended_can_be_renewed_until_somebody_takes_the_run(
    store: RunStore, clock: Clock
):
    claimed = claim(store)
    clock.now += 5 * LEASE
    store.renew(claimed.lease, lease_seconds=LEASE)
    store.save_checkpoint(claimed.lease, point())
    clock.now += LEASE
    claim(store)
    with pytest.raises(LeaseLost):
        store.renew(claimed.lease, lease_seconds=LEASE)


WRITES: dict[str, Callable[[RunStore, Claimed], object]] = {
    "count_try": lambda store, held: store.count_try(held.lease, "an error", 1.0),
    "save_checkpoint": lambda store, held: store.save_checkpoint(held.lease, point("late")),
    "open_round": lambda store, held: store.open_round(held.lease, Round(2, "fetch", "red"), 1.0),
    "intend": lambda store, held: store.intend(held.lease, "push", {"sha": "a"}),
    "record": lambda store, held: store.record(held.lease, "pull", {"number": 1}),
    "reserve": lambda store, held: reserve(store, held.lease),
    "settle": lambda store, held: store.settle(
        held.lease, store.calls(RunKey(job().id, 0))[0], micro_usd=1
    ),
    "release_call": lambda store, held: store.release_call(
        held.lease, store.calls(RunKey(job().id, 0))[0]
    ),
    "announce": lambda store, held: store.announce(held.lease, started(held), TOPIC),
    "finish": finish,
}


def reserve(store: RunStore, lease: Lease) -> object:
    return store.reserve(lease, call_request(1, key="late"), CAPS)


def everything(store: RunStore) -> list[object]:
    told: list[object] = [store.pending_events(), store.effects(job().id)]
    key = RunKey(job().id, 0)
    told.append(store.run(key.job_id, key.generation))
    for read in (store.checkpoints, store.rounds, store.calls):
        told.append(read(key))
    return told


@pytest.mark.parametrize("write", sorted(WRITES))
@pytest.mark.parametrize("how", ["expired", "taken over", "released", "finished", "forged"])
def test_no_write_lands_without_a_live_lease(store: RunStore, clock: Clock, write: str, how: str):
    held = claim(store)
    store.intend(held.lease, "pull", {"title": "t"})
    store.reserve(held.lease, call_request(5, key="k"), CAPS)
    match how:
        case "expired":
            clock.now += LEASE
        case "taken over":
            clock.now += LEASE
            claim(store)
        case "released":
            store.release(held.lease)
        case "finished":
            finish(store, held)
        case "forged":
            held = replace(held, lease=replace(held.lease, token="0" * 32))
    before = everything(store)
    with pytest.raises(LeaseLost):
        WRITES[write](store, held)
    assert everything(store) == before


def test_of_many_claims_at_once_one_wins(
    opener: Callable[[Path, Clock], RunStore], tmp_path: Path, clock: Clock
):
    stores = [opener(tmp_path, clock) for _ in range(4)]
    barrier = threading.Barrier(len(stores))
    answers: list[Claim] = []

    def take(store: RunStore) -> None:
        barrier.wait()
        answers.append(ask(store))

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


# Generations


def test_one_replay_id_makes_one_generation(store: RunStore):
    finish(store, claim(store))
    second = claim(store, job(**replay("again")))
    assert second.run.generation == 1 and not second.body_differs
    assert isinstance(ask(store, **replay("again")), Busy)
    finish(store, second)
    answer = ask(store, **replay("again"))
    assert isinstance(answer, Finished) and answer.run.generation == 1
    assert claim(store, job(**replay("once more"))).run.generation == 2


def test_an_old_replay_id_still_names_its_own_generation(store: RunStore):
    finish(store, claim(store))
    finish(store, claim(store, job(**replay("one"))))
    finish(store, claim(store, job(**replay("two"))))
    answer = ask(store, **replay("one"))
    assert isinstance(answer, Finished) and answer.run.generation == 1
    newest = ask(store)
    assert isinstance(newest, Finished) and newest.run.generation == 2


def test_a_replay_of_a_job_that_never_ran_is_its_first_generation(store: RunStore):
    assert claim(store, job(**replay("r"))).run.generation == 0
    assert isinstance(ask(store), Busy)


def test_a_replay_waits_for_the_run_before_it(store: RunStore, clock: Clock):
    first = claim(store)
    assert ask(store, **replay("again")) == Busy(START + LEASE)
    store.release(first.lease)
    assert isinstance(ask(store, **replay("again")), Busy)
    finish(store, claim(store))
    assert claim(store, job(**replay("again"))).run.generation == 1


def test_a_generation_begins_with_nothing_of_the_last_but_keeps_its_effects(store: RunStore):
    first = claim(store)
    store.save_checkpoint(first.lease, point())
    store.open_round(first.lease, Round(2, "fetch", "red"), 1.0)
    store.intend(first.lease, "push", {"sha": "a"})
    store.count_try(first.lease, "boom", 1.0)
    finish(store, first)
    second = claim(store, job(metadata={"n": "2"}, **replay("again")))
    run = second.run
    assert (run.round, run.tries, run.deliveries, run.seconds, run.last_error) == (
        1,
        0,
        1,
        0.0,
        None,
    )
    assert '"n":"2"' in run.body
    assert store.checkpoints(RunKey(job().id, 1)) == store.rounds(RunKey(job().id, 1)) == []
    assert store.intend(second.lease, "push", {"sha": "b"}) == {"sha": "b"}
    assert [(e.generation, e.intention) for e in store.effects(job().id)] == [
        (0, {"sha": "a"}),
        (1, {"sha": "b"}),
    ]


def test_a_redrive_of_a_failed_run_starts_the_next_generation_once(store: RunStore):
    finish(store, claim(store), Outcome.FAILED)
    again = claim(store, redrive_of=0)
    assert again.run.generation == 1
    assert isinstance(ask(store, redrive_of=0), Busy)
    finish(store, again, Outcome.FAILED)
    twice = ask(store, redrive_of=0)
    assert isinstance(twice, Finished) and twice.run.generation == 1
    assert claim(store, redrive_of=1).run.generation == 2


def test_a_redrive_of_a_failed_replay_starts_the_next_generation_too(store: RunStore):
    finish(store, claim(store))
    finish(store, claim(store, job(**replay("r"))), Outcome.FAILED)
    again = claim(store, job(**replay("r")), redrive_of=1)
    assert again.run.generation == 2
    assert isinstance(ask(store, redrive_of=1, **replay("r")), Busy)


def test_a_redrive_of_what_did_not_fail_is_told_what_became_of_it(store: RunStore):
    finish(store, claim(store), Outcome.NO_FIX)
    answer = ask(store, redrive_of=0)
    assert isinstance(answer, Finished) and answer.run.generation == 0


# Progress


def test_rounds_and_seconds_add_up(store: RunStore):
    held = claim(store)
    assert store.save_checkpoint(held.lease, point("fetch", seconds=1.0)) is False
    store.open_round(held.lease, Round(2, "fetch", "it was red"), 2.0)
    store.save_checkpoint(held.lease, point("fetch", round=2, seconds=4.0))
    assert store.count_try(held.lease, "ValueError: x", 8.0) == 1
    assert store.count_try(held.lease, "ValueError: y", 16.0) == 2
    run = store.run(job().id, 0)
    assert run is not None
    assert (run.round, run.seconds, run.tries, run.last_error) == (2, 31.0, 2, "ValueError: y")
    assert store.rounds(RunKey(job().id, 0)) == [Round(2, "fetch", "it was red")]
    assert [(c.round, c.stage) for c in store.checkpoints(RunKey(job().id, 0))] == [
        (1, "fetch"),
        (2, "fetch"),
    ]


def test_checkpoints_keep_the_order_in_which_they_were_stored(store: RunStore):
    held = claim(store)
    for stage in ("zeta", "alpha", "mid"):
        store.save_checkpoint(held.lease, point(stage))
    assert [c.stage for c in store.checkpoints(RunKey(job().id, 0))] == ["zeta", "alpha", "mid"]


def test_the_first_intention_stands_in_its_run(store: RunStore):
    held = claim(store)
    assert store.intend(held.lease, "push", {"sha": "a", "n": [1, 2]}) == {"sha": "a", "n": [1, 2]}
    assert store.intend(held.lease, "push", {"sha": "b"}) == {"sha": "a", "n": [1, 2]}
    store.record(held.lease, "push", {"done": True})
    (effect,) = store.effects(job().id)
    assert (effect.generation, effect.name, effect.result) == (0, "push", {"done": True})


def test_an_intention_read_at_once_is_what_a_later_delivery_reads(store: RunStore):
    held = claim(store)
    now = store.intend(held.lease, "pull", {"labels": ("bug",), "body": "ü 🎉"})
    assert now == store.intend(held.lease, "pull", {}) == {"labels": ["bug"], "body": "ü 🎉"}


def test_a_cancellation_reaches_the_worker_at_its_next_write_or_heartbeat(store: RunStore):
    assert store.request_cancel("nothing") is False
    held = claim(store)
    assert store.request_cancel(job().id) is True
    assert store.renew(held.lease, lease_seconds=LEASE) is True
    assert store.save_checkpoint(held.lease, point()) is True
    store.release(held.lease)
    assert claim(store).run.cancel_requested


def test_what_has_finished_can_not_be_cancelled(store: RunStore):
    finish(store, claim(store))
    assert store.request_cancel(job().id) is False
    assert not claim(store, job(**replay("again"))).run.cancel_requested


# The end


def test_the_outcome_and_its_event_are_stored_together(store: RunStore, clock: Clock):
    held = claim(store)
    clock.now += 7
    event = finish(store, held, Outcome.PR_OPENED)
    run = store.run(job().id)
    assert run is not None
    assert (run.state, run.outcome, run.reason, run.finished_at) == (
        "finished",
        "pr_opened",
        "so it is",
        START + 7,
    )
    assert run.result == result_of(held, Outcome.PR_OPENED).model_dump_json()
    assert store.pending_events() == [
        PendingEvent(event.id, "run.finished", TOPIC, event.model_dump_json(), event.attributes)
    ]


def test_the_outcome_is_decided_once(store: RunStore, clock: Clock):
    held = claim(store)
    finish(store, held, Outcome.PR_OPENED)
    with pytest.raises(LeaseLost):
        finish(store, held, Outcome.FAILED)
    run = store.run(job().id)
    assert run is not None and run.outcome == "pr_opened"
    assert len(store.pending_events()) == 1


def test_a_result_that_can_not_be_stored_leaves_neither_outcome_nor_event(store: RunStore):
    held = claim(store)
    result = result_of(held)
    event = Event.about(result, "2001-09-09T01:46:40.000Z")
    # What no store takes gets past the models here: the write must fail as a whole.
    with pytest.raises(Exception, match=r"."):
        store.finish(held.lease, result.model_copy(update={"reason": "\ud800"}), event, TOPIC)
    run = store.run(job().id)
    assert run is not None and run.outcome is None
    assert store.pending_events() == []
    finish(store, held)


def test_an_announced_event_is_pending_once_and_before_the_runs_end(store: RunStore):
    held = claim(store)
    store.announce(held.lease, started(held), TOPIC)
    store.announce(held.lease, started(held), TOPIC)
    finish(store, held)
    assert [row.type for row in store.pending_events()] == ["run.started", "run.finished"]
    assert len(store.pending_events(limit=1)) == 1


def test_a_published_event_is_not_pending_any_more(store: RunStore):
    event = finish(store, claim(store))
    store.mark_published(event.id)
    store.mark_published(event.id)
    assert store.pending_events() == []


def test_without_a_topic_nothing_is_pending_and_the_event_is_kept(store: RunStore):
    held = claim(store)
    store.announce(held.lease, started(held), None)
    event = finish(store, held, topic=None)
    assert store.pending_events() == []
    run = store.run(job().id)
    assert run is not None and run.event == event.model_dump_json()


def test_the_oldest_unfinished_run_is_known_until_it_has_an_outcome(store: RunStore, clock: Clock):
    assert store.oldest_unfinished() is None
    first = claim(store, job(1))
    clock.now += 5
    second = claim(store, job(2))
    store.release(second.lease)
    assert store.oldest_unfinished() == START
    finish(store, first)
    assert store.oldest_unfinished() == START + 5
    finish(store, claim(store, job(2)))
    assert store.oldest_unfinished() is None
    claim(store, job(1, **replay("again")))
    assert store.oldest_unfinished() == START + 5


def test_runs_are_listed_newest_first_by_outcome_or_repository(store: RunStore, clock: Clock):
    for number, outcome in ((1, Outcome.NO_FIX), (2, Outcome.PR_OPENED), (3, None)):
        clock.now += 1
        held = claim(store, job(number))
        if outcome:
            finish(store, held, outcome)
    assert [run.issue_url[-1] for run in store.runs()] == ["3", "2", "1"]
    assert [run.issue_url[-1] for run in store.runs(limit=1)] == ["3"]
    assert [run.outcome for run in store.runs(outcome="no_fix")] == ["no_fix"]
    assert [run.issue_url[-1] for run in store.runs(outcome="running")] == ["3"]
    assert (
        store.runs(repository="octo/other") == [] and len(store.runs(repository="octo/repo")) == 3
    )
    assert store.run("nothing") is None and store.run(job().id, 7) is None
