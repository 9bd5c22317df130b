"""The strict stand-in for SQS and SNS: it agrees with moto where moto is right, is as strict as AWS
elsewhere, and injects faults.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws import session
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.strict_aws import FaultPlan, StrictAws


@pytest.fixture
def strict() -> Iterator[StrictAws]:
    with StrictAws() as server:
        yield server


@pytest.fixture(params=["moto", "strict"])
def either(request: pytest.FixtureRequest) -> Iterator[Aws]:
    """Run a test against each stand-in."""
    if request.param == "moto":
        yield request.getfixturevalue("aws_server")
        return
    with StrictAws() as server:
        yield Aws(server.endpoint)


@contextmanager
def faulty(plan: FaultPlan, seed: int = 1) -> Iterator[tuple[StrictAws, Aws]]:
    with StrictAws(plan, seed=seed) as server:
        yield server, _Impatient(server.endpoint)


class _Impatient(Aws):
    """Clients that try once, with a short time-out."""

    def client(self, service: str) -> Any:
        environment = self.environment
        return session().client(
            service,
            endpoint_url=self.endpoint,
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1}),
        )


def receive(aws: Aws, queue: Queue, **overrides: Any) -> list[dict[str, Any]]:
    parameters = {
        "MaxNumberOfMessages": 10,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    }
    answer: dict[str, Any] = aws.sqs.receive_message(QueueUrl=queue.url, **(parameters | overrides))
    return list(answer.get("Messages", []))


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"]).rsplit(".", 1)[-1]


# Rules that moto enforces, too


def test_a_message_arrives_with_its_body_attributes_and_receive_count(either: Aws) -> None:
    queue = either.make_queue()
    attributes = {"reason": {"DataType": "String", "StringValue": "so"}}
    response = either.sqs.send_message(
        QueueUrl=queue.url, MessageBody="<höhe>&", MessageAttributes=attributes
    )
    (message,) = receive(either, queue)
    assert message["MessageId"] == response["MessageId"]
    assert message["Body"] == "<höhe>&"
    assert message["MD5OfBody"] == response["MD5OfMessageBody"]
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert receive(either, queue) == []
    assert either.depth(queue.url) == (0, 1)


def test_a_message_made_visible_is_received_again_and_is_deleted_with_the_new_handle(
    either: Aws,
) -> None:
    queue = either.make_queue()
    either.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
    (first,) = receive(either, queue)
    either.sqs.change_message_visibility(
        QueueUrl=queue.url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )
    (second,) = receive(either, queue)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    either.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=second["ReceiptHandle"])
    either.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=second["ReceiptHandle"])
    assert either.depth(queue.url) == (0, 0)


def test_a_message_received_too_often_goes_to_the_dead_letters(either: Aws) -> None:
    queue = either.make_queue(max_receive_count=2)
    either.sqs.send_message(QueueUrl=queue.url, MessageBody="poison")
    for _ in range(2):
        (message,) = receive(either, queue)
        either.sqs.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    assert receive(either, queue) == []
    (dead,) = either.messages(queue.dead_letters_url)
    assert (dead["Body"], dead["MessageId"]) == ("poison", message["MessageId"])


def test_a_batch_succeeds_with_a_failed_entry_inside(either: Aws) -> None:
    queue = either.make_queue()
    either.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
    (message,) = receive(either, queue)
    entries = [
        {"Id": "good", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 5},
        {"Id": "bad", "ReceiptHandle": "bogus", "VisibilityTimeout": 5},
    ]
    answer = either.sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [
        ("bad", "ReceiptHandleIsInvalid")
    ]


def invalid_calls(aws: Aws, queue: Queue) -> dict[str, Callable[[], object]]:
    entry = {"Id": "a", "MessageBody": "b"}
    return {
        "NonExistentQueue": lambda: aws.sqs.send_message(
            QueueUrl=f"{queue.url}-no", MessageBody="a"
        ),
        "ReceiptHandleIsInvalid": lambda: aws.sqs.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle="bogus", VisibilityTimeout=1
        ),
        "InvalidParameterValue": lambda: aws.sqs.send_message(
            QueueUrl=queue.url, MessageBody="a" * 1_048_577
        ),
        "BatchEntryIdsNotDistinct": lambda: aws.sqs.send_message_batch(
            QueueUrl=queue.url, Entries=[entry, entry]
        ),
        "EmptyBatchRequest": lambda: aws.sqs.send_message_batch(QueueUrl=queue.url, Entries=[]),
        "TooManyEntriesInBatchRequest": lambda: aws.sqs.send_message_batch(
            QueueUrl=queue.url, Entries=[entry | {"Id": str(n)} for n in range(11)]
        ),
        "NotFound": lambda: aws.sns.publish(
            TopicArn="arn:aws:sns:eu-central-1:123456789012:none", Message="a"
        ),
    }


@pytest.mark.parametrize("expected", sorted(invalid_calls(Aws(""), Queue("", "", ""))))
def test_both_refuse_the_request(either: Aws, expected: str) -> None:
    act = invalid_calls(either, either.make_queue())[expected]
    with pytest.raises(ClientError) as error:
        act()
    assert code(error) == expected


def test_a_topic_delivers_to_its_subscriber(either: Aws) -> None:
    topic = either.make_topic()
    attributes = {"outcome": {"DataType": "String", "StringValue": "no_fix"}}
    either.sns.publish(TopicArn=topic.arn, Message='{"a": "<&é>"}', MessageAttributes=attributes)
    either.sns.publish_batch(
        TopicArn=topic.arn,
        PublishBatchRequestEntries=[{"Id": "1", "Message": "b", "MessageAttributes": attributes}],
    )
    assert sorted(either.events(topic)) == [
        ("b", {"outcome": "no_fix"}),
        ('{"a": "<&é>"}', {"outcome": "no_fix"}),
    ]


def test_a_long_poll_wakes_when_a_message_arrives(either: Aws) -> None:
    queue = either.make_queue()
    sender = Aws(either.endpoint)
    sending = threading.Timer(
        0.1, lambda: sender.sqs.send_message(QueueUrl=queue.url, MessageBody="late")
    )
    started = time.monotonic()
    sending.start()
    (message,) = receive(either, queue, WaitTimeSeconds=20)
    assert message["Body"] == "late"
    assert time.monotonic() - started < 10


# Rules that moto does not enforce


def test_a_stale_handle_silently_deletes_nothing(strict: StrictAws) -> None:
    aws = Aws(strict.endpoint)
    queue = aws.make_queue()
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
    (first,) = receive(aws, queue, VisibilityTimeout=10)
    strict.pass_time(11)
    (second,) = receive(aws, queue)
    aws.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=first["ReceiptHandle"])
    assert aws.depth(queue.url) == (0, 1)
    aws.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=second["ReceiptHandle"])
    assert aws.depth(queue.url) == (0, 0)


def test_only_the_receive_that_holds_a_message_extends_it(strict: StrictAws) -> None:
    aws = Aws(strict.endpoint)
    queue = aws.make_queue()
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
    (first,) = receive(aws, queue, VisibilityTimeout=10)

    def extend(message: dict[str, Any]) -> None:
        aws.sqs.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=10
        )

    strict.pass_time(8)
    extend(first)
    strict.pass_time(8)
    assert receive(aws, queue) == []
    strict.pass_time(3)
    with pytest.raises(ClientError) as visible:
        extend(first)
    (second,) = receive(aws, queue, VisibilityTimeout=10)
    with pytest.raises(ClientError) as stale:
        extend(first)
    aws.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=second["ReceiptHandle"])
    with pytest.raises(ClientError) as deleted:
        extend(second)
    assert [code(error) for error in (visible, stale, deleted)] == [
        "MessageNotInflight",
        "MessageNotInflight",
        "InvalidParameterValue",
    ]


def test_the_visibility_limit_counts_from_the_receive_and_can_be_scaled() -> None:
    with StrictAws(max_visibility=60) as strict:
        aws = Aws(strict.endpoint)
        queue = aws.make_queue()
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
        (message,) = receive(aws, queue, VisibilityTimeout=40)
        handle = {"QueueUrl": queue.url, "ReceiptHandle": message["ReceiptHandle"]}
        strict.pass_time(30)
        with pytest.raises(ClientError) as error:
            aws.sqs.change_message_visibility(**handle, VisibilityTimeout=31)
        assert code(error) == "InvalidParameterValue"
        aws.sqs.change_message_visibility(**handle, VisibilityTimeout=29)


@pytest.mark.parametrize("body", ["a\x00b", "\x0b", "\ufffe"])
def test_characters_that_sqs_does_not_accept_are_refused(strict: StrictAws, body: str) -> None:
    aws = Aws(strict.endpoint)
    queue = aws.make_queue()
    with pytest.raises(ClientError) as error:
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody=body)
    assert code(error) == "InvalidMessageContents"


def test_an_unsigned_request_is_refused(strict: StrictAws) -> None:
    request = urllib.request.Request(
        strict.endpoint, b"{}", {"X-Amz-Target": "AmazonSQS.ListQueues"}
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=5)
    assert error.value.code == 403


def test_a_hidden_message_wakes_a_long_poll_when_its_time_comes(strict: StrictAws) -> None:
    aws = Aws(strict.endpoint)
    queue = aws.make_queue()
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
    receive(aws, queue, VisibilityTimeout=1)
    (message,) = receive(aws, queue, WaitTimeSeconds=20)
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_long_poll_whose_client_died_still_receives_a_message(strict: StrictAws) -> None:
    aws = Aws(strict.endpoint)
    dying = _Impatient(strict.endpoint)
    queue = aws.make_queue()
    with pytest.raises(BotoCoreError):
        receive(dying, queue, WaitTimeSeconds=20)
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
    assert aws.depth(queue.url) == (0, 1)


# Faults


def test_faults_are_off_by_default_and_the_same_for_a_seed() -> None:
    def codes(plan: FaultPlan, seed: int) -> list[str]:
        with faulty(plan, seed) as (server, aws):
            queue = aws.make_queue()
            error_codes = []
            for _ in range(30):
                try:
                    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
                    error_codes.append("")
                except ClientError as error:
                    error_codes.append(error.response["Error"]["Code"])
            assert sum(server.faults.counts.values()) == sum(map(bool, error_codes))
            return error_codes

    plan = FaultPlan(throttled=0.2, unavailable=0.2)
    assert codes(FaultPlan(), 1) == [""] * 30
    assert codes(plan, 1) == codes(plan, 1) != codes(plan, 2)
    assert set(codes(plan, 1)) == {"", "ThrottlingException", "ServiceUnavailable", "InternalError"}


def test_a_call_whose_reply_is_lost_takes_effect_and_a_dropped_call_does_not() -> None:
    for plan, happened in ((FaultPlan(reply_lost=1), 1), (FaultPlan(dropped=1), 0)):
        with faulty(plan) as (server, aws):
            lost: set[str] = set()
            server.on_lost_reply = lambda operation, _, lost=lost: lost.add(operation)
            queue = aws.make_queue()
            topic = aws.make_topic()
            with pytest.raises(BotoCoreError):
                aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
            with pytest.raises(BotoCoreError):
                aws.sns.publish(TopicArn=topic.arn, Message="b")
            assert (aws.depth(queue.url)[0], len(server.sns.published)) == (happened, happened)
            assert lost == ({"SendMessage", "Publish"} if happened else set())


def test_a_doubled_message_has_two_overlapping_deliveries_and_the_newer_one_counts() -> None:
    with faulty(FaultPlan(doubled=1)) as (_, aws):
        queue = aws.make_queue()
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
        (first,) = receive(aws, queue)
        (second,) = receive(aws, queue)
        assert first["MessageId"] == second["MessageId"]
        aws.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=first["ReceiptHandle"])
        assert sum(aws.depth(queue.url)) == 1
        aws.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=second["ReceiptHandle"])
        assert sum(aws.depth(queue.url)) == 0


def test_an_undeleted_message_comes_back_once() -> None:
    with faulty(FaultPlan(undeleted=1)) as (_, aws):
        queue = aws.make_queue()
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody="a")
        for left in (1, 0):
            (message,) = receive(aws, queue)
            aws.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
            assert sum(aws.depth(queue.url)) == left


def test_entries_fail_while_the_batch_succeeds_and_order_is_not_guaranteed() -> None:
    with faulty(FaultPlan(entry_failed=0.5, disordered=0.5)) as (server, aws):
        queue = aws.make_queue()
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
        answer = aws.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
        failed = {entry["Id"] for entry in answer["Failed"]}
        assert 0 < len(failed) < 10
        bodies = [message["Body"] for message in receive(aws, queue)]
        assert sorted(bodies) == sorted({str(n) for n in range(10)} - failed) != bodies
        assert server.faults.counts["entry_failed"] == len(failed)


def test_another_process_can_read_the_counters(strict: StrictAws) -> None:
    aws = Aws(strict.endpoint)
    aws.make_queue()
    with urllib.request.urlopen(f"{strict.endpoint}/_strict", timeout=5) as answer:
        counts = json.loads(answer.read())
    assert counts["calls"] == {"CreateQueue": 2, "GetQueueAttributes": 2}
    assert (counts["faults"], counts["handed_out"], counts["deleted"], counts["published"]) == (
        {},
        0,
        0,
        0,
    )
