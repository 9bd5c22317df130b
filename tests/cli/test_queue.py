"""``coding-agent queue`` against moto's SQS."""

import time
from collections.abc import Iterator

import pytest

from pipeline.outcome import Outcome
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.runs import TOPIC, Clock, claim, finish, job, park


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
    assert f"{job(3).id}/0  queued, 1 h 0 min old" in output


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
