"""One SQS queue and its dead-letter queue, through aioboto3."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from pipeline.aws import limits, region
from pipeline.job import FixIssueJob
from pipeline.queue.batch import BATCH, Batch
from pipeline.queue.batch import EntriesFailed as EntriesFailed

#: Seconds from a receive that its visibility may last; asking past 12 hours is an error, not a
#: clamp
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html).
#: A minute is left for the request's way, which counts too.
MAX_VISIBILITY = 43_200 - 60
MAX_ATTRIBUTES = 10
FAILED_GENERATION = "failed_generation"
REASON = "reason"
DELETES_GATHER = 0.05
"""Seconds that a deletion waits for others, so that a batch takes more: nothing beside the minutes of a run."""
_REFUSED = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS takes in no text (SendMessage, "Message characters")."""


class NoDeadLetterQueue(Exception):
    """The queue has no RedrivePolicy, so that nothing can be put aside."""


@dataclass(frozen=True)
class Delivery:
    """One receive of a message."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    attributes: Mapping[str, Mapping[str, Any]]
    """Message attributes in boto3's form."""
    received_at: float
    """No later than SQS's own moment of the receive, by the queue's clock."""
    sent_at: float = 0.0
    """Seconds since the epoch. What SQS itself moves to a dead-letter queue keeps its first one."""

    @property
    def failed_generation(self) -> int | None:
        """Whose failure put the message into the dead-letter queue; None where none did."""
        text = self.text(FAILED_GENERATION)
        return (
            int(text)
            if text is not None and text.isascii() and text.isdigit() and len(text) < 10
            else None
        )

    def text(self, name: str) -> str | None:
        """A message attribute's text."""
        value = self.attributes.get(name, {}).get("StringValue")
        return value if isinstance(value, str) else None


@dataclass(frozen=True)
class Depth:
    """How many messages a queue holds, by SQS's own approximate counts."""

    visible: int
    in_flight: int
    delayed: int


class SqsQueue:
    """One client, kept open while entered as an async context. Errors are botocore's own unless
    told otherwise.
    """

    def __init__(
        self,
        url: str,
        *,
        visibility_timeout: int,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ):
        self.url = url
        self._visibility = visibility_timeout
        self._clock = clock
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._deletes = Batch(
            "DeleteMessageBatch",
            lambda entries: self._client.delete_message_batch(QueueUrl=url, Entries=entries),
            gather=DELETES_GATHER,
            pause=pause,
        )
        self._changes = Batch(
            "ChangeMessageVisibilityBatch",
            lambda entries: self._client.change_message_visibility_batch(
                QueueUrl=url, Entries=entries
            ),
            pause=pause,
        )
        self._dead_letters: tuple[str, int] | None = None

    async def __aenter__(self) -> Self:
        import aioboto3
        from aiobotocore.config import AioConfig

        client = aioboto3.Session().client(
            "sqs", region_name=region(), config=AioConfig(**limits())
        )
        self._client = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
        """Long poll. Never cancel it: what it brings would be in flight, and nobody's, until its
        visibility ends.
        """
        asked_at = self._clock()
        answer = await self._client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(max_messages, BATCH),
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=self._visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return [
            Delivery(
                message["MessageId"],
                message["ReceiptHandle"],
                message["Body"],
                int(message["Attributes"]["ApproximateReceiveCount"]),
                message.get("MessageAttributes", {}),
                asked_at,
                int(message["Attributes"].get("SentTimestamp", 0)) / 1000,
            )
            for message in answer.get("Messages", [])
        ]

    async def delete(self, *deliveries: Delivery) -> None:
        """Delete with the newest delivery's handle: SQS accepts an older one and keeps the message.

        Raises:
            EntriesFailed: of some; the others are deleted.
        """
        await _each(self._deletes, deliveries, {})

    async def release(self, *deliveries: Delivery) -> None:
        """Make messages visible at once.

        Raises:
            EntriesFailed: of some; the others are visible.
        """
        await _each(self._changes, deliveries, {"VisibilityTimeout": 0})

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        """Hide a message for ``seconds`` more, cut at the 12 hours that SQS allows from the receive.

        Raises:
            EntriesFailed: SQS refused.
        """
        hidden = int(min(max(seconds, 0), self.time_left(delivery)))
        await _each(self._changes, [delivery], {"VisibilityTimeout": hidden})

    def time_left(self, delivery: Delivery) -> float:
        """Seconds for which the delivery can still be kept."""
        return _time_left(delivery, self._clock())

    async def send(
        self, body: str, attributes: Mapping[str, str | Mapping[str, Any]] | None = None
    ) -> str:
        """Gives SQS's message id, which identifies nothing but the message. An attribute that is no text is in boto3's
        form."""
        named = {
            k: _text(v) if isinstance(v, str) else dict(v) for k, v in (attributes or {}).items()
        }
        sent = await self._client.send_message(
            QueueUrl=self.url, MessageBody=body, MessageAttributes=named
        )
        return str(sent["MessageId"])

    async def submit(self, job: FixIssueJob) -> str:
        return await self.send(job.to_json())

    async def to_dead_letters(
        self, delivery: Delivery, reason: str, attributes: Mapping[str, str] | None = None
    ) -> None:
        """Put a copy into the dead-letter queue, its body untouched; the message itself is still to be deleted.

        ``attributes`` come first where there is little room, then the sender's own, then the reason, cut to fit.

        Raises:
            NoDeadLetterQueue: the queue has none.
        """
        url, size = await self._find_dead_letters()
        told = {name: _text(value) for name, value in (attributes or {}).items()}
        sent = {
            name: dict(value)
            for name, value in delivery.attributes.items()
            if name not in (*told, REASON)
        }
        room = size - len(delivery.body.encode())
        await self._client.send_message(
            QueueUrl=url,
            MessageBody=delivery.body,
            MessageAttributes=fitting(told | sent, reason, room),
        )

    async def depth(self) -> Depth:
        names = [f"ApproximateNumberOfMessages{name}" for name in ("", "NotVisible", "Delayed")]
        told = await self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return Depth(*(int(told["Attributes"][name]) for name in names))

    async def dead_letters_url(self) -> str:
        return (await self._find_dead_letters())[0]

    async def _find_dead_letters(self) -> tuple[str, int]:
        """The dead-letter queue's URL and how many bytes it takes, asked once."""
        if self._dead_letters is None:
            own = await self._client.get_queue_attributes(
                QueueUrl=self.url, AttributeNames=["RedrivePolicy"]
            )
            policy = json.loads(own.get("Attributes", {}).get("RedrivePolicy", "{}"))
            if "deadLetterTargetArn" not in policy:
                raise NoDeadLetterQueue(
                    f"{self.url} has no RedrivePolicy: give it a dead-letter queue"
                )
            account, name = policy["deadLetterTargetArn"].split(":")[-2:]
            found = await self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
            url = found["QueueUrl"]
            limit = await self._client.get_queue_attributes(
                QueueUrl=url, AttributeNames=["MaximumMessageSize"]
            )
            self._dead_letters = (url, int(limit["Attributes"]["MaximumMessageSize"]))
        return self._dead_letters


async def _each(batch: Batch, deliveries: Iterable[Delivery], fields: dict[str, Any]) -> None:
    adds = [
        batch.add(d.message_id, {"ReceiptHandle": d.receipt_handle} | fields) for d in deliveries
    ]
    errors = [
        error for error in await asyncio.gather(*adds, return_exceptions=True) if error is not None
    ]
    refused = [error for error in errors if isinstance(error, EntriesFailed)]
    for error in errors:
        if error not in refused:
            raise error
    if refused:
        raise EntriesFailed(
            refused[0].operation, {key: code for e in refused for key, code in e.codes.items()}
        )


def visibility_extender(
    url: str, seconds: int, *, clock: Callable[[], float] = time.monotonic
) -> Callable[[Delivery], None]:
    """How the heartbeat's thread keeps a delivery: with a synchronous client of its own. ``clock`` is the queue's.

    One thread beats for every run. So nothing is tried twice in a beat, and an SQS that did not answer is left alone
    for a while: the message may come back, but the other runs' leases are renewed in time.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(**limits(read_seconds=5.0, attempts=1))
    client = boto3.session.Session().client("sqs", region_name=region(), config=config)
    silent_until = float("-inf")

    def extend(delivery: Delivery) -> None:
        nonlocal silent_until
        if clock() < silent_until:
            raise ConnectionError("SQS did not answer the last time; it is asked again soon")
        left = int(min(seconds, _time_left(delivery, clock())))
        try:
            client.change_message_visibility(
                QueueUrl=url, ReceiptHandle=delivery.receipt_handle, VisibilityTimeout=max(left, 0)
            )
        except BotoCoreError:
            silent_until = clock() + seconds / 4
            raise

    return extend


def _time_left(delivery: Delivery, now: float) -> float:
    return max(delivery.received_at + MAX_VISIBILITY - now, 0.0)


def _text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def fitting(wanted: Mapping[str, Mapping[str, Any]], reason: str, room: int) -> dict[str, Any]:
    """The first of ``wanted`` that fit into ``room`` bytes and SQS's ten, and as much of the reason
    as then does.
    """
    kept: dict[str, Any] = {}
    for name, value in wanted.items():
        size = _size(name, value)
        if size <= room and len(kept) < MAX_ATTRIBUTES:
            kept[name] = dict(value)
            room = room - size
    left = room - _size(REASON, _text(""))
    text = (
        _REFUSED.sub("\N{REPLACEMENT CHARACTER}", reason)
        .encode()[: max(left, 0)]
        .decode(errors="ignore")
    )
    if text and len(kept) < MAX_ATTRIBUTES:
        kept[REASON] = _text(text)
    return kept


def _size(name: str, value: Mapping[str, Any]) -> int:
    parts: Iterable[str | bytes] = (
        name,
        value["DataType"],
        value.get("StringValue") or value.get("BinaryValue") or "",
    )
    return sum(len(part.encode() if isinstance(part, str) else part) for part in parts)
