"""The queue's contract, against both stand-ins."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.job import FixIssueJob, parse_job
from pipeline.queue import (
    FAILED_GENERATION,
    REASON,
    Delivery,
    EntriesFailed,
    NoDeadLetterQueue,
    SqsQueue,
    VisibilityExtender,
)
from pipeline.queue.attributes import MAX_ATTRIBUTES, fit_attributes
from pipeline.queue.delivery import MAX_VISIBILITY
from tests.stand_ins.aws import Aws, ministack_server, moto_server

ISSUE = "https://github.com/octo/repo/issues/42"


@pytest.fixture(scope="module", params=["moto", "ministack"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aws]:
    log: Path = tmp_path_factory.mktemp("ministack") / "log"
    with moto_server() if request.param == "moto" else ministack_server(log) as aws:
        yield aws


@pytest.fixture
def aws(server: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_copy_keeps_the_message_and_says_if_it_must_wait_for_longer_than_sqs_delays(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
):
    url = aws.make_queue().url
    async with SqsQueue(url, visibility_timeout=30) as queue:
        await queue.send("a job", {"team": "a"})
        (delivery,) = await queue.receive(1, 5)
        await queue.send_copy(delivery, 0.0, now=1000.0)
        (copy,) = await queue.receive(1, 5)
        assert (copy.body, copy.text("team"), copy.receive_count) == ("a job", "a", 1)
        assert copy.not_before == 0.0
        real_send = queue._client.send_message
        delays = []

        async def send_at_once(**request: Any) -> object:
            delays.append(request.pop("DelaySeconds"))
            return await real_send(**request)

        monkeypatch.setattr(queue._client, "send_message", send_at_once)
        await queue.send_copy(copy, 3600.0, now=1000.0)
        (late,) = await queue.receive(1, 5)
        assert (late.not_before, late.text("team"), delays) == (4600.0, "a", [900])


async def test_a_job_published_to_a_topic_reaches_the_queue_in_an_envelope_and_is_read(aws: Aws):
    topic = aws.make_topic("jobs")
    aws.sns.publish(TopicArn=topic.arn, Message=FixIssueJob(issue_url=ISSUE).to_json())
    async with SqsQueue(topic.queue_url, visibility_timeout=30) as queue:
        (delivery,) = await queue.receive(1, 5)
        assert "TopicArn" in delivery.body
        assert parse_job(delivery.body).issue_url == ISSUE


async def test_delivery_has_the_message_and_its_receive_count(aws: Aws):
    async with SqsQueue(aws.make_queue().url, visibility_timeout=30) as queue:
        message_id = await queue.send('{"a": "ü"}', {"failed_generation": "3"})
        (first,) = await queue.receive(10, 0)
        assert (first.message_id, first.body, first.receive_count) == (message_id, '{"a": "ü"}', 1)
        assert (first.text("failed_generation"), first.text("other")) == ("3", None)
        assert await queue.receive(10, 0) == []
        await queue.release(first)
        (second,) = await queue.receive(10, 0)
        assert (second.receive_count, second.receipt_handle != first.receipt_handle) == (2, True)
        await queue.delete(second)
        await queue.release()
        assert aws.depth(queue.url) == (0, 0)


async def test_submitted_job_is_read_as_it_was_sent(aws: Aws):
    job = FixIssueJob(issue_url=ISSUE, metadata={"team": "blue"})
    async with SqsQueue(aws.make_queue().url, visibility_timeout=30) as queue:
        await queue.submit(job)
        (delivery,) = await queue.receive(1, 0)
    assert parse_job(delivery.body) == job
    assert (delivery.owner, delivery.traceparent) == (None, None)


async def test_a_submitted_jobs_owner_and_trace_are_beside_it(aws: Aws):
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with SqsQueue(aws.make_queue().url, visibility_timeout=30) as queue:
        await queue.submit(FixIssueJob(issue_url=ISSUE), "alice", traceparent)
        (delivery,) = await queue.receive(1, 0)
    assert (delivery.owner, delivery.traceparent) == ("alice", traceparent)


async def test_more_messages_than_a_batch_are_deleted(aws: Aws):
    async with SqsQueue(aws.make_queue().url, visibility_timeout=30) as queue:
        for number in range(12):
            await queue.send(str(number))
        deliveries = []
        while some := await queue.receive(12, 0):
            deliveries += some
        assert len(deliveries) == 12
        await queue.delete(*deliveries)
        assert aws.depth(queue.url) == (0, 0)


@pytest.mark.parametrize("operation", ["delete", "release"])
async def test_failed_entry_of_a_batch_is_reported_and_the_others_are_done(
    aws: Aws, operation: str
):
    async with SqsQueue(aws.make_queue().url, visibility_timeout=30) as queue:
        await queue.send("one")
        await queue.send("two")
        good, bad = [*await queue.receive(1, 0), *await queue.receive(1, 0)]
        bad = dataclasses.replace(bad, receipt_handle="no handle of this queue")
        with pytest.raises(EntriesFailed) as failure:
            await getattr(queue, operation)(good, bad)
        assert failure.value.codes == {bad.message_id: "ReceiptHandleIsInvalid"}
        assert aws.depth(queue.url) == ((0, 1) if operation == "delete" else (1, 1))


async def test_message_is_hidden_for_no_longer_than_sqs_allows(aws: Aws):
    clock = Clock()
    async with SqsQueue(aws.make_queue().url, visibility_timeout=30, clock=clock) as queue:
        await queue.send("x")
        (delivery,) = await queue.receive(1, 0)
        assert queue.time_left(delivery) == MAX_VISIBILITY
        await queue.change_visibility(delivery, MAX_VISIBILITY + 1)
        clock.now = MAX_VISIBILITY - 10
        assert queue.time_left(delivery) == 10
        clock.now = MAX_VISIBILITY + 5
        await queue.change_visibility(delivery, 30)
        assert aws.depth(queue.url) == (1, 0)


async def test_extender_keeps_a_message_hidden_within_the_limit(aws: Aws):
    clock = Clock()
    async with SqsQueue(aws.make_queue().url, visibility_timeout=30, clock=clock) as queue:
        await queue.send("x")
        (delivery,) = await queue.receive(1, 0)
        extender = VisibilityExtender(queue.url, 30, clock=clock)
        extender.open()
        extender.extend(delivery)
        assert aws.depth(queue.url) == (0, 1)
        clock.now = MAX_VISIBILITY + 5
        extender.extend(delivery)
        assert aws.depth(queue.url) == (1, 0)


async def test_extender_pauses_when_sqs_does_not_respond(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    delivery = Delivery("id", "handle", "x", 1, {}, 0.0)
    monkeypatch.setenv(
        "AWS_ENDPOINT_URL", "http://127.0.0.1:9"
    )  # nothing listens on the discard port
    extender = VisibilityExtender("http://127.0.0.1:9/queue", 120, clock=clock)
    extender.open()
    for now, expected in (
        (0.0, EndpointConnectionError),
        (29.0, ConnectionError),
        (30.0, EndpointConnectionError),
    ):
        clock.now = now
        with pytest.raises(expected):
            extender.extend(delivery)


async def test_dead_letter_has_the_untouched_body_the_attributes_and_the_reason(aws: Aws):
    queues = aws.make_queue()
    body = ' not a job: "ü\U0001f600"\t\n'
    async with SqsQueue(queues.url, visibility_timeout=30) as queue:
        await queue.send(
            body, {"sender": "billing", REASON: "an older one", FAILED_GENERATION: "0"}
        )
        (delivery,) = await queue.receive(1, 0)
        await queue.to_dead_letters(delivery, "no JSON\x00", {FAILED_GENERATION: "1"})
        assert await queue.dead_letters_url() == queues.dead_letters_url
    (message,) = aws.messages(queues.dead_letters_url)
    assert message["Body"] == body
    texts = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert texts == {
        "sender": "billing",
        REASON: "no JSON\N{REPLACEMENT CHARACTER}",
        FAILED_GENERATION: "1",
    }


async def test_dead_letter_of_the_largest_size_has_no_reason(aws: Aws):
    queues = aws.make_queue()
    response = aws.sqs.get_queue_attributes(
        QueueUrl=queues.dead_letters_url, AttributeNames=["MaximumMessageSize"]
    )
    body = "x" * int(response["Attributes"]["MaximumMessageSize"])
    async with SqsQueue(queues.url, visibility_timeout=30) as queue:
        await queue.send(body)
        (delivery,) = await queue.receive(1, 0)
        await queue.to_dead_letters(delivery, "too much of nothing")
    (message,) = aws.messages(queues.dead_letters_url)
    assert (message["Body"] == body, message.get("MessageAttributes", {})) == (True, {})


async def test_queue_without_a_dead_letter_queue_is_an_error(aws: Aws):
    url = aws.sqs.create_queue(QueueName="alone")["QueueUrl"]
    async with SqsQueue(url, visibility_timeout=30) as queue:
        await queue.send("x")
        (delivery,) = await queue.receive(1, 0)
        with pytest.raises(NoDeadLetterQueue, match="RedrivePolicy"):
            await queue.to_dead_letters(delivery, "why")


def attribute(text: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": text}


def size_of(attributes: dict[str, dict[str, str]]) -> int:
    return sum(
        len(name) + len("String") + len(value["StringValue"].encode())
        for name, value in attributes.items()
    )


@settings(deadline=None, max_examples=100)
@given(
    texts=st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(min_size=1, max_size=30), max_size=12
    ),
    reason=st.text(max_size=60),
    room=st.integers(-5, 400),
)
def test_attributes_fit_the_limit_and_the_reason_is_dropped_first(
    texts: dict[str, str], reason: str, room: int
):
    attributes = {FAILED_GENERATION: attribute("7")} | {
        name: attribute(text) for name, text in texts.items()
    }
    fitting = fit_attributes(attributes, reason, room)
    assert len(fitting) <= MAX_ATTRIBUTES
    assert size_of(fitting) <= max(room, 0)
    assert (FAILED_GENERATION in fitting) == (room >= size_of({FAILED_GENERATION: attribute("7")}))
    if REASON not in texts and REASON in fitting:
        assert fitting[REASON]["StringValue"]
        if "\N{REPLACEMENT CHARACTER}" not in fitting[REASON]["StringValue"]:
            assert reason.startswith(fitting[REASON]["StringValue"])
    assert all(
        fitting[name] == value
        for name, value in attributes.items()
        if name in fitting and name != REASON
    )
