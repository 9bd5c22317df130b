"""``coding-agent queue``, and what ``jobs`` does with it, against moto's SQS."""

import time
from collections.abc import Iterator

import pytest

from pipeline.job import parse_job
from pipeline.outcome import Outcome
from pipeline.store.contract import Checkpoint, MoneyCaps
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.runs import LEASE, TOPIC, Clock, call_request, claim, finish, job, park


@pytest.fixture
def queue(console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    return queue


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time() - 3600)


@pytest.fixture
def store(console: Console, clock: Clock) -> Iterator[SqliteStore]:
    """The store that the commands open, at its default path."""
    store = SqliteStore(console.data_dir / "store.sqlite", clock=clock)
    yield store
    store.close()


# queue stats


def test_stats_count_both_queues_and_the_store(
    console: Console, aws: Aws, queue: Queue, store: SqliteStore, clock: Clock
) -> None:
    for number in range(3):
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody=str(number))
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="later", DelaySeconds=600)
    aws.sqs.receive_message(QueueUrl=queue.url)
    aws.sqs.send_message(QueueUrl=queue.dead_letters_url, MessageBody="x")
    for number in (1, 2):
        finish(store, claim(store, job(number)), Outcome.NO_FIX)
    claimed = claim(store, job(3))
    clock.now += 600
    store.release(claimed.lease)
    claim(store, job(4))
    payload = console.json("queue", "stats", "--json")
    assert payload["queue"] == {"url": queue.url, "visible": 2, "in_flight": 1, "delayed": 1}
    assert payload["dead_letters"] == {
        "url": queue.dead_letters_url,
        "visible": 1,
        "in_flight": 0,
        "delayed": 0,
    }
    assert payload["runs"] == {"no_fix": 2, "queued": 1, "running": 1}
    oldest = payload["oldest_unfinished"]
    assert oldest["job_id"] == job(3).id
    assert oldest["generation"] == 0
    assert oldest["state"] == "queued"
    assert 3600 <= oldest["age_seconds"] < 3700
    output = console.run("queue", "stats").stdout
    assert "2 visible, 1 in flight, 1 delayed" in output
    assert f"{job(3).id}/0  queued, 36" in output


def test_parked_events_are_counted_and_can_be_published_again(
    console: Console, queue: Queue, store: SqliteStore
) -> None:
    event = finish(store, claim(store, job(1)))
    finish(store, claim(store, job(2)))
    park(store, event, "NotFound: no such topic")
    payload = console.json("queue", "stats", "--json")
    assert payload["events"] == {"waiting": 1, "refused": 0, "parked": 1}
    assert "1 parked (publish them again: coding-agent queue retry-events)" in (
        console.run("queue", "stats").stdout
    )
    (row,) = console.json("queue", "retry-events", "--json")["events"]
    assert (row["event_id"], row["topic_arn"]) == (event.id, TOPIC)
    assert row["last_error"] == "NotFound: no such topic"
    assert console.json("queue", "stats", "--json")["events"]["parked"] == 0
    assert "0 events released" in console.run("queue", "retry-events").stdout


def test_stats_of_empty_queues_and_an_empty_store_are_zero(console: Console, queue: Queue) -> None:
    payload = console.json("queue", "stats", "--json")
    assert payload["runs"] == {}
    assert payload["oldest_unfinished"] is None
    assert payload["queue"]["visible"] == 0
    assert console.run("queue", "stats").stdout.endswith("runs               none yet\n")


def test_stats_of_a_queue_without_a_dead_letter_queue(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "CODING_AGENT_QUEUE_URL", aws.sqs.create_queue(QueueName="alone-stats")["QueueUrl"]
    )
    assert console.json("queue", "stats", "--json")["dead_letters"] is None
    assert "there is no such queue" in console.run("queue", "stats").stdout


def test_a_missing_queue_is_reported(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert console.refused("queue", "stats").startswith("CODING_AGENT_QUEUE_URL is not set")
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", f"{aws.endpoint}/123456789012/nowhere")
    assert console.refused("queue", "stats", code=1).startswith("SQS refused: ")


# jobs retry


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


def test_a_retry_needs_the_queue(console: Console, store: SqliteStore) -> None:
    finish(store, claim(store), Outcome.FAILED)
    assert console.refused("jobs", "retry", job().id).startswith(
        "CODING_AGENT_QUEUE_URL is not set"
    )


# jobs list and show


def test_runs_are_listed_since_a_time(console: Console, store: SqliteStore, clock: Clock) -> None:
    finish(store, claim(store, job(1)))
    clock.now += 3000
    finish(store, claim(store, job(2)))
    for since, numbers in (("2h", [2, 1]), ("30m", [2]), ("2999-01-01T00:00+02:00", [])):
        rows = console.lines("jobs", "list", "--json", "--since", since)
        assert [int(row["issue_url"].rsplit("/")[-1]) for row in rows] == numbers
    assert console.run("jobs", "list", "--since", "1s").stderr == "no such runs\n"


def test_show_prints_a_timeline(console: Console, store: SqliteStore, clock: Clock) -> None:
    first = claim(store)
    clock.now += 1
    store.save_checkpoint(first.lease, Checkpoint(1, "fetch_issue", "{}", False, 1.5, clock.now))
    clock.now += LEASE
    second = claim(store)
    caps = MoneyCaps(10**6, 10**6, 10**6)
    clock.now += 1
    call = store.reserve(second.lease, call_request(9, key="1/x", day="2026-01-01"), caps)
    store.settle(second.lease, call, micro_usd=2_500)
    clock.now += 1
    store.intend(second.lease, "push", {"branch": "b"})
    clock.now += 1
    finish(store, second, Outcome.PR_OPENED)
    payload = console.json("jobs", "show", job().id, "--json")["timeline"]
    assert [(moment["what"], moment["detail"].partition(",")[0]) for moment in payload] == [
        ("registered", ""),
        ("delivered", ""),
        ("stage", "fetch_issue"),
        ("delivered", "the last delivery died"),
        ("model call", "1/x attempt 1: settled $0.002500 m"),
        ("effect", "push: intended"),
        ("finished", payload[-1]["detail"]),
    ]
    assert [moment["at"] for moment in payload] == sorted(moment["at"] for moment in payload)
    output = console.run("jobs", "show", job().id, "--verbose").stdout
    assert (
        output.index("stage ")
        < output.index("the last delivery died")
        < output.index("model call")
        < output.index("effect")
    )
    assert "  spent $0.002500 in " in output
    assert "deliveries: 2" in output
