"""The end of a run, the outbox, and the lists of runs."""

from typing import Any

import pytest

from pipeline.errors import LeaseLost
from pipeline.outcome import Event, Outcome
from pipeline.store.contract import ALL_RUNS, Claimed, PendingEvent, RunFilter, Submission, place_at
from pipeline.store.events import MAX_EVENT_TRIES
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import replay_fields, started_event
from tests.stand_ins.runs import LEASE, START, TOPIC, Clock, claim, finish, job, result_of


def test_the_outcome_and_its_event_are_stored_together(store: RunStore, clock: Clock):
    claimed = claim(store)
    clock.now += 7
    event = finish(store, claimed, Outcome.PR_OPENED)
    run = store.run(job().id)
    assert run is not None
    assert (run.state, run.outcome, run.reason, run.finished_at) == (
        "finished",
        "pr_opened",
        "a reason",
        START + 7,
    )
    assert run.result == result_of(claimed, Outcome.PR_OPENED).model_dump_json()
    assert store.pending_events() == [
        PendingEvent(event.id, "run.finished", TOPIC, event.model_dump_json(), event.attributes)
    ]


def test_the_outcome_is_decided_once(store: RunStore, clock: Clock):
    claimed = claim(store)
    finish(store, claimed, Outcome.PR_OPENED)
    with pytest.raises(LeaseLost):
        finish(store, claimed, Outcome.FAILED)
    run = store.run(job().id)
    assert run is not None
    assert run.outcome == "pr_opened"
    assert len(store.pending_events()) == 1


def test_a_failed_write_of_the_end_leaves_neither_outcome_nor_event(store: RunStore):
    claimed = claim(store)
    result = result_of(claimed)
    event = Event.about(result, "2001-09-09T01:46:40.000Z")
    # This value passes the models but no store accepts it: the write must fail as a whole.
    with pytest.raises(Exception, match=r"."):
        store.finish(claimed.lease, result.model_copy(update={"reason": "\ud800"}), event, TOPIC)
    run = store.run(job().id)
    assert run is not None
    assert run.outcome is None
    assert store.pending_events() == []
    finish(store, claimed)


def test_an_announced_event_is_pending_once_before_the_end(store: RunStore):
    claimed = claim(store)
    store.announce(claimed.lease, started_event(claimed), TOPIC)
    store.announce(claimed.lease, started_event(claimed), TOPIC)
    finish(store, claimed)
    assert [row.type for row in store.pending_events()] == ["run.started", "run.finished"]
    assert len(store.pending_events(limit=1)) == 1


def test_a_published_event_is_not_pending(store: RunStore):
    event = finish(store, claim(store))
    assert store.still_pending([event.id]) == store.pending_events()
    store.mark_published(event.id)
    store.mark_published(event.id)
    assert store.pending_events() == []
    assert store.still_pending([event.id, "unknown"]) == []


def test_refused_events_are_apart_until_they_are_parked(store: RunStore, clock: Clock):
    first = finish(store, claim(store, job(1)))
    second = finish(store, claim(store, job(2)))
    (untried,) = (event for event in store.pending_events() if event.event_id == first.id)
    for _ in range(2):  # by two workers at the same time
        assert store.refuse_event(untried, "no such topic") is False
    assert [event.event_id for event in store.pending_events()] == [second.id]
    assert store.still_pending([second.id, first.id]) == store.pending_events()
    (refused,) = store.refused_events()
    assert (refused.tries, refused.due_at, refused.last_error) == (1, START + 2, "no such topic")
    answers = []
    for _ in range(MAX_EVENT_TRIES - 1):
        (refused,) = store.refused_events()
        answers.append(store.refuse_event(refused, "no such topic"))
    assert answers == [False] * (MAX_EVENT_TRIES - 2) + [True]
    assert store.refused_events() == []
    assert [event.event_id for event in store.parked_events()] == [first.id]
    store.release_event(first.id)
    assert store.parked_events() == []
    assert {event.event_id for event in store.pending_events()} == {first.id, second.id}
    store.mark_published(first.id)
    assert store.refuse_event(untried, "late") is False
    assert store.refused_events() == []


def test_an_event_without_a_topic_is_kept_but_not_pending(store: RunStore):
    claimed = claim(store)
    store.announce(claimed.lease, started_event(claimed), None)
    event = finish(store, claimed, topic=None)
    assert store.pending_events() == []
    run = store.run(job().id)
    assert run is not None
    assert run.event == event.model_dump_json()


def test_the_oldest_unfinished_run_is_the_oldest_without_an_outcome(store: RunStore, clock: Clock):
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
    claim(store, job(1, **replay_fields("again")))
    assert store.oldest_unfinished() == START + 5


def test_unfinished_runs_are_listed_the_oldest_first(store: RunStore, clock: Clock):
    for number in (1, 2, 3):
        clock.now += 1
        claim(store, job(number))
    finish(store, claim(store, job(4)))

    def numbers(limit: int) -> list[str]:
        return [run.issue_url[-1] for run in store.unfinished_runs(limit)]

    assert numbers(9) == ["1", "2", "3"]
    assert numbers(2) == ["1", "2"]


def test_runs_are_listed_newest_first_and_filtered(store: RunStore, clock: Clock):
    for number, outcome in ((1, Outcome.NO_FIX), (2, Outcome.PR_OPENED), (3, None)):
        clock.now += 1
        claimed = claim(store, job(number))
        if outcome:
            finish(store, claimed, outcome)
    assert [run.issue_url[-1] for run in store.runs()] == ["3", "2", "1"]
    assert [run.issue_url[-1] for run in store.runs(limit=1)] == ["3"]
    assert [run.outcome for run in store.runs(RunFilter(outcome="no_fix"))] == ["no_fix"]
    assert [run.issue_url[-1] for run in store.runs(RunFilter(outcome="running"))] == ["3"]
    assert store.runs(RunFilter(repository="octo/other")) == []
    assert len(store.runs(RunFilter(repository="octo/repo"))) == 3
    assert store.run("nothing") is None
    assert store.run(job().id, 7) is None


def test_runs_are_listed_page_by_page_and_by_time(store: RunStore, clock: Clock):
    for number in range(1, 6):
        clock.now += 1
        claim(store, job(number))

    def numbers(chosen: RunFilter = ALL_RUNS, **arguments: Any) -> list[str]:
        return [run.issue_url[-1] for run in store.runs(chosen, **arguments)]

    first_page = store.runs(limit=2)
    assert numbers(before=first_page[-1].place, limit=2) == ["3", "2"]
    assert numbers(RunFilter(since=START + 4)) == ["5", "4"]
    assert numbers(before=place_at(START + 3)) == ["2", "1"]
    assert numbers(RunFilter(since=START + 2), before=place_at(START + 4)) == ["3", "2"]


def test_runs_are_filtered_by_sender_model_and_template_set(store: RunStore):
    sent = store.claim(Submission.of(job(1), owner="alice"), lease_seconds=LEASE)
    assert isinstance(sent, Claimed)
    used = result_of(sent).model_copy(update={"model": "large", "template_set": "a" * 64})
    event = Event.about(used, "2001-09-09T01:46:40.000Z")
    store.finish(sent.lease, used, event, TOPIC)
    finish(store, claim(store, job(2)))

    def numbers(**fields: str) -> list[str]:
        return [run.issue_url[-1] for run in store.runs(RunFilter(**fields))]

    assert numbers(owner="alice") == numbers(model="large") == ["1"]
    assert numbers(template_set="a" * 64, outcome="no_fix") == ["1"]
    assert numbers(owner="bob") == numbers(model="small") == []


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
