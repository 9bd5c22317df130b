"""Runs of a store as rows of the history."""

import json
from dataclasses import replace

from console.history.runs import each_run_record, run_record
from pipeline.outcome import Event, Outcome, Verification
from pipeline.store.contract import MoneyCaps
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import register
from tests.stand_ins.runs import START, Clock, call_request, claim, job, result_of

CAPS = MoneyCaps(10**6, 10**6, 10**6)
USED = {
    "verification": Verification.RED_TO_GREEN,
    "pull_request_number": 7,
    "pull_request_url": "https://github.com/octo/repo/pull/7",
    "branch": "fix-42",
    "base_sha": "b" * 40,
    "model": "provider/model-1",
    "strategy": "agent",
    "template_set": "a" * 64,
    "rounds": 2,
    "cost_usd": 0.25,
}


def finish_run(store: RunStore, number: int = 42, reason: str = "done") -> None:
    claimed = claim(store, job(number))
    result = result_of(claimed, Outcome.PR_OPENED, reason).model_copy(update=USED)
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None)


def test_a_finished_run_has_what_its_result_says(store: RunStore) -> None:
    finish_run(store)
    (record,) = each_run_record(store)
    assert record.model_dump(include=set(USED)) == USED
    assert record.run == f"{job().id}/0"
    assert (record.repository, record.issue_number) == ("octo/repo", 42)
    assert (record.state, record.outcome) == ("finished", "pr_opened")
    assert record.created_at == record.finished_at == "2001-09-09T01:46:40Z"


def test_an_unfinished_run_has_its_cost_so_far_and_no_outcome(store: RunStore) -> None:
    claimed = claim(store)
    store.reserve(claimed.lease, call_request(250_000), CAPS)
    (record,) = each_run_record(store)
    assert (record.state, record.outcome, record.finished_at) == ("running", None, None)
    assert record.cost_usd == 0.25
    assert record.model is None


def test_runs_are_returned_newest_first_since_a_time(store: RunStore, clock: Clock) -> None:
    for number in (1, 2, 3):
        register(store, job(number))
        clock.now += 1
    numbers = [record.issue_number for record in each_run_record(store, since=START + 1)]
    assert numbers == [3, 2]


def test_the_reason_is_one_line_without_control_characters(store: RunStore) -> None:
    finish_run(store, reason="red \x1b[31m\nand more")
    (record,) = each_run_record(store)
    assert record.reason == "red [31m and more"


def test_a_run_that_asked_no_model_has_no_round(store: RunStore) -> None:
    register(store, job(1))
    claim(store, job(2))
    claimed = claim(store, job(3))
    store.reserve(claimed.lease, call_request(1), CAPS)
    rounds = {record.issue_number: record.rounds for record in each_run_record(store)}
    assert rounds == {1: 0, 2: 0, 3: 1}


def test_an_unfinished_run_has_its_last_error_as_its_reason(store: RunStore) -> None:
    claimed = claim(store)
    store.count_try(claimed.lease, "the disk is full", 1.0)
    (record,) = each_run_record(store)
    assert (record.reason, record.tries) == ("the disk is full", 1)


def test_fields_of_a_newer_version_are_left_out(store: RunStore) -> None:
    finish_run(store)
    (row,) = store.runs()
    assert row.result is not None
    newer = json.loads(row.result) | {"invented_later": 1}
    assert run_record(replace(row, result=json.dumps(newer))).outcome == "pr_opened"
