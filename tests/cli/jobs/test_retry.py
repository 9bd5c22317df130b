"""``coding-agent jobs retry``, against moto's SQS."""

import pytest

from pipeline.job import parse_job
from pipeline.outcome import Outcome
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.runs import claim, finish, job


@pytest.fixture
def queue(console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    return queue


def test_a_repeated_retry_starts_one_generation(
    console: Console, aws: Aws, queue: Queue, store: SqliteStore
) -> None:
    finish(store, claim(store, job(metadata={"a": "b"})), Outcome.NO_FIX)
    options = ["--from-stage", "propose_patch", "--max-rounds", "9"]
    payload = console.json("jobs", "retry", job().id, *options, "--json")
    assert payload["job_id"] == job().id
    assert payload["after_generation"] == 0
    assert (
        console.run("jobs", "retry", job().id).stdout
        == f"{job().id} runs again after generation 0\n"
    )
    first, second = (parse_job(message["Body"]) for message in aws.messages(queue.url))
    assert first.replay is not None
    assert second.replay is not None
    assert first.replay.id == second.replay.id
    assert first.id == job().id
    assert first.replay.from_stage == "propose_patch"
    assert first.limits.max_rounds == 9
    assert first.metadata == {"a": "b"}
    claimed = claim(store, first)
    assert claimed.run.generation == 1


def test_a_job_that_has_not_ended_is_not_retried(
    console: Console, aws: Aws, queue: Queue, store: SqliteStore
) -> None:
    claim(store)
    assert (
        console.refused("jobs", "retry", job().id, code=1)
        == f"job {job().id!r} has not ended: it is running"
    )
    assert console.refused("jobs", "retry", "nothing").startswith("there is no job 'nothing'")
    assert aws.messages(queue.url) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from-stage", "mend"], "--from-stage: no stage 'mend'"),
        (["--max-cost", "0"], "limits.max_cost_usd: "),
    ],
)
def test_a_retry_that_would_be_rejected_is_not_sent(
    console: Console, aws: Aws, queue: Queue, store: SqliteStore, options: list[str], message: str
) -> None:
    finish(store, claim(store), Outcome.FAILED)
    assert console.refused("jobs", "retry", job().id, *options).startswith(message)
    assert aws.messages(queue.url) == []


def test_a_limit_over_the_deployments_is_refused(
    console: Console, queue: Queue, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(store, claim(store), Outcome.FAILED)
    monkeypatch.setenv("CODING_AGENT_MAX_COST_USD", "2")
    message = console.refused("jobs", "retry", job().id, "--max-cost", "400")
    assert message == "--max-cost: 400 is more than this deployment allows, 2"


def test_a_limit_says_that_the_workers_may_lower_it_if_theirs_is_not_known(
    console: Console, queue: Queue, store: SqliteStore
) -> None:
    finish(store, claim(store), Outcome.FAILED)
    result = console.run("jobs", "retry", job().id, "--max-cost", "400")
    assert result.exit_code == 0
    assert result.stderr == (
        "--max-cost: CODING_AGENT_MAX_COST_USD is not set here: if the workers' is lower, it"
        " applies\n"
    )


def test_a_retry_needs_the_queue(console: Console, store: SqliteStore) -> None:
    finish(store, claim(store), Outcome.FAILED)
    assert console.refused("jobs", "retry", job().id).startswith(
        "CODING_AGENT_QUEUE_URL is not set"
    )
