"""Finding jobs by the beginning of their id, and runs by the number of an issue or pull request."""

import hashlib
from pathlib import Path

import pytest

from pipeline.job import AddressReviewJob
from pipeline.outcome import Event, Outcome
from pipeline.store.contract import Claimed
from pipeline.store.dynamodb import DynamoStore, table_definition
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import register, replay_fields
from tests.stand_ins.moto import moto_client
from tests.stand_ins.runs import Clock, claim, finish, job, result_of


def finish_with_pull_request(
    store: RunStore, claimed: Claimed, number: int, outcome: Outcome = Outcome.PR_OPENED
) -> None:
    url = f"https://github.com/{claimed.run.repository}/pull/{number}"
    links = {"pull_request_number": number, "pull_request_url": url}
    result = result_of(claimed, outcome).model_copy(update=links)
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None)


def test_jobs_are_found_by_the_beginning_of_their_id(store: RunStore):
    for job_id in ("nightly-2", "nightly-1", "other", "nightly"):
        register(store, job(job_id=job_id))
    jobs = store.jobs_beginning_with("nightly", limit=10)
    assert [run.job_id for run in jobs] == ["nightly", "nightly-1", "nightly-2"]
    assert [run.job_id for run in store.jobs_beginning_with("nightly-2", limit=10)] == ["nightly-2"]
    assert len(store.jobs_beginning_with("nightly", limit=2)) == 2
    assert store.jobs_beginning_with("x", limit=10) == []


def test_of_a_job_the_newest_run_is_found(store: RunStore):
    finish(store, claim(store))
    register(store, job(**replay_fields("again")))
    (run,) = store.jobs_beginning_with(job().id[:4], limit=10)
    assert run.key.generation == 1


def test_the_newest_run_of_an_issue_is_found_whichever_job_it_belongs_to(
    store: RunStore, clock: Clock
):
    finish(store, claim(store))
    clock.now += 1
    finish(store, claim(store, job(job_id="another")))
    register(store, job(421))
    (run,) = store.runs_numbered(42, "Octo/Repo")
    assert run.job_id == "another"
    clock.now += 1
    register(store, job(**replay_fields("again")))
    (run,) = store.runs_numbered(42, "octo/repo")
    assert (run.job_id, run.generation) == (job().id, 1)


def test_a_run_is_found_by_its_pull_request(store: RunStore):
    finish_with_pull_request(store, claim(store), 7)
    (run,) = store.runs_numbered(7, "octo/repo")
    assert run.issue_url == job().issue_url
    assert store.runs_numbered(7, "octo/rep") == []
    assert store.runs_numbered(8) == []


def test_a_run_that_was_rejected_for_a_pull_request_is_not_found_by_it(
    store: RunStore, clock: Clock
):
    finish_with_pull_request(store, claim(store), 7)
    clock.now += 1
    rejected = claim(store, job(job_id="another"))
    finish_with_pull_request(store, rejected, 7, Outcome.REJECTED)
    (run,) = store.runs_numbered(7)
    assert run.job_id == job().id


def test_a_number_alone_finds_runs_of_every_repository(store: RunStore, clock: Clock):
    finish_with_pull_request(store, claim(store), 7)
    clock.now += 1
    url = "https://github.com/octo/other/issues/7"
    register(store, job(issue_url=url))
    assert [run.issue_url for run in store.runs_numbered(7)] == [url, job().issue_url]


@pytest.mark.parametrize("runs", [1, 30])
def test_finding_and_listing_take_the_same_number_of_calls_however_many_runs_there_are(
    tmp_path: Path, clock: Clock, runs: int
):
    client = moto_client("dynamodb")
    table = f"calls-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    client.create_table(**table_definition(table))
    store = DynamoStore(table, clock=clock, client=client)
    for number in range(runs):
        clock.now += 1
        finish_with_pull_request(store, claim(store, job(job_id=f"nightly-{number}")), 7)
    calls: list[str] = []
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))

    assert len(store.runs(limit=50)) == runs
    assert calls == ["Query", "BatchGetItem"]
    calls.clear()
    assert len(store.jobs_beginning_with("nightly-", limit=50)) == runs
    assert calls == ["Query", "BatchGetItem", "BatchGetItem"]
    calls.clear()
    assert len(store.runs_numbered(7, "octo/repo")) == 1
    assert calls == ["Query", "BatchGetItem"]


def test_all_jobs_are_found_by_the_number_of_their_issue_or_of_their_pull_request(store: RunStore):
    finish_with_pull_request(store, claim(store), 7)
    register(store, job(**replay_fields("again")))
    register(store, job(job_id="another"))
    register(store, job(421))
    assert store.jobs_numbered(42, "Octo/Repo") == sorted([job().id, "another"])
    assert store.jobs_numbered(7, "octo/repo") == [job().id]
    assert store.jobs_numbered(7, "octo/repo-2") == []


def test_the_jobs_of_an_issue_include_the_reviews_of_its_pull_requests(store: RunStore):
    finish_with_pull_request(store, claim(store), 7)
    review = AddressReviewJob.of("https://github.com/octo/repo/pull/7", "review-1")
    register(store, review)
    other = AddressReviewJob.of("https://github.com/octo/repo/pull/8", "review-2")
    register(store, other)
    assert store.jobs_numbered(42, "octo/repo") == sorted([job().id, review.id])
    assert store.jobs_numbered(8, "octo/repo") == [other.id]
