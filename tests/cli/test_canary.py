"""``coding-agent doctor --aws``: a canary goes through queue, worker and topic, and where it gets
stuck is payload.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.outcome import Event, Outcome, RunResult, RunStarted
from tests.cli.console import Console
from tests.stand_ins.aws import Aws, Queue, Topic

ISSUE = "https://github.com/octo/calc/issues/1"


@pytest.fixture
def queue(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    return queue


@pytest.fixture
def topic(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Topic:
    topic = aws.make_topic()
    monkeypatch.setenv("CODING_AGENT_TOPIC_ARN", topic.arn)
    return topic


@contextmanager
def worker(aws: Aws, queue: Queue, does: Callable[[dict[str, Any]], object]) -> Iterator[None]:
    """Takes one message, does something with it, and deletes it."""

    def work() -> None:
        for _ in range(30):
            for message in aws.sqs.receive_message(QueueUrl=queue.url, WaitTimeSeconds=1).get(
                "Messages", []
            ):
                does(json.loads(message["Body"]))
                aws.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def tell(
    aws: Aws, topic: Topic, job: dict[str, Any], outcome: Outcome | None, reason: str = "as it was"
) -> None:
    payload = {
        "job_id": job["job_id"],
        "generation": 0,
        "issue_url": ISSUE,
        "repository": "octo/calc",
        "trace": "t",
    }
    data = (
        RunResult(**payload, outcome=outcome, reason=reason, seconds=3)
        if outcome
        else RunStarted(**payload)
    )
    event = Event.about(data, "2026-01-31T08:00:00Z")
    aws.sns.publish(TopicArn=topic.arn, Message=event.model_dump_json())


def canary(console: Console, code: int, wait: int = 1) -> dict[str, dict[str, Any]]:
    payload = console.json("doctor", "--aws", "--issue", ISSUE, "--wait", wait, "--json", code=code)
    assert payload["ok"] == (code == 0)
    return {check["name"]: check for check in payload["checks"]}


def test_a_successful_canary_reports_its_cost_and_leaves_nothing_behind(
    console: Console, aws: Aws, queue: Queue, topic: Topic
) -> None:
    jobs = []

    def work(job: dict[str, Any]) -> None:
        jobs.append(job)
        tell(aws, topic, {"job_id": "another"}, Outcome.FAILED)
        tell(aws, topic, job, None)
        tell(aws, topic, job, Outcome.NO_FIX)

    with worker(aws, queue, work):
        checks = canary(console, code=0, wait=30)
    assert [name for name in checks if name in ("topic", "queue", "worker", "run")] == [
        "topic",
        "queue",
        "worker",
        "run",
    ]
    assert checks["run"]["found"] == "no_fix after 3 s, for 0.0000 USD: as it was"
    assert jobs[0]["options"] == {"dry_run": True}
    assert jobs[0]["limits"] == {
        "max_cost_usd": 0.5,
        "max_rounds": 1,
    }
    assert not [url for url in aws.sqs.list_queues()["QueueUrls"] if "doctor-" in url]
    assert len(aws.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]) == 1, (
        "the test's own"
    )


def test_a_rejected_run_is_a_failure(
    console: Console, aws: Aws, queue: Queue, topic: Topic
) -> None:
    with worker(
        aws, queue, lambda job: tell(aws, topic, job, Outcome.REJECTED, "octo/calc is not allowed")
    ):
        checks = canary(console, code=4, wait=30)
    assert checks["worker"]["ok"]
    assert "rejected after 3 s" in checks["run"]["mend"]
    assert "octo/calc is not allowed" in checks["run"]["mend"]


def test_without_a_worker_the_job_is_reported_as_waiting(
    console: Console, queue: Queue, topic: Topic
) -> None:
    checks = canary(console, code=4)
    assert checks["queue"]["ok"]
    assert not checks["worker"]["ok"]
    assert "no worker took it within 1 s (1 waiting job)" in checks["worker"]["mend"]


def test_a_run_that_exceeds_the_wait_is_reported(
    console: Console, aws: Aws, queue: Queue, topic: Topic
) -> None:
    with worker(aws, queue, lambda job: tell(aws, topic, job, None)):
        assert "has not ended within 3 s" in canary(console, code=4, wait=3)["run"]["mend"]


def test_a_missing_event_points_to_the_topic(
    console: Console, aws: Aws, queue: Queue, topic: Topic
) -> None:
    with worker(aws, queue, lambda job: None):
        assert "no event was published" in canary(console, code=4, wait=2)["event"]["mend"]


def test_a_job_in_the_dead_letter_queue_is_reported_with_its_reason(
    console: Console, aws: Aws, queue: Queue, topic: Topic
) -> None:
    def bury(job: dict[str, Any]) -> None:
        reason = {"reason": {"DataType": "String", "StringValue": "GitHub says 401"}}
        aws.sqs.send_message(
            QueueUrl=queue.dead_letters_url, MessageBody=json.dumps(job), MessageAttributes=reason
        )

    with worker(aws, queue, bury):
        assert (
            "dead-letter queue: GitHub says 401"
            in canary(console, code=4, wait=2)["worker"]["mend"]
        )


def test_a_missing_topic_is_reported_before_anything_is_sent(
    console: Console, aws: Aws, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_TOPIC_ARN", "arn:aws:sns:eu-central-1:123456789012:nowhere")
    checks = canary(console, code=2)
    assert not checks["topic"]["ok"]
    assert "nowhere" in checks["topic"]["mend"]
    assert aws.depth(queue.url) == (0, 0)
    assert not [url for url in aws.sqs.list_queues()["QueueUrls"] if "doctor-" in url]


def test_missing_settings_are_reported_first(console: Console, queue: Queue) -> None:
    checks = canary(console, code=2)
    assert not checks["CODING_AGENT_TOPIC_ARN"]["ok"]
    assert "topic" not in checks


def test_the_issue_is_required_and_must_be_an_issue(
    console: Console, queue: Queue, topic: Topic
) -> None:
    assert "--issue ISSUE_URL go together" in console.refused("doctor", "--aws")
    assert "--issue ISSUE_URL go together" in console.refused("doctor", "--issue", ISSUE)
    message = console.refused("doctor", "--aws", "--issue", "https://github.com/octo/calc/pull/1")
    assert "pull request" in message
    assert "nothing was sent" in message
