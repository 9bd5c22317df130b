"""One SQS queue and its dead-letter queue, through aioboto3."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from pipeline.aws import open_client
from pipeline.job import Job
from pipeline.queue.attributes import MAX_ATTRIBUTES, fit_attributes, text_attribute
from pipeline.queue.batch import BATCH, Batch, EntriesFailed
from pipeline.queue.delivery import NOT_BEFORE, OWNER, REASON, Attribute, Delivery
from pipeline.queue.depth import DEPTH_ATTRIBUTES, REDRIVE_POLICY, Depth, dead_letter_target
from pipeline.telemetry.trace_context import TRACEPARENT

#: Seconds that a deletion waits for others to join its batch: negligible next to a run's minutes.
DELETES_GATHER = 0.05


#: Seconds by which SQS can delay a new message
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
MAX_DELAY = 900.0


@dataclass(frozen=True)
class _DeadLetterQueue:
    url: str
    max_bytes: int
    """The size of the largest message that it accepts."""


class SqsQueue:
    """A queue, whose client is open while this is entered as an async context.

    Errors are botocore's unless a method says otherwise. ``visibility_timeout`` is in seconds;
    ``clock`` is monotonic, in seconds.
    """

    def __init__(
        self, url: str, *, visibility_timeout: int, clock: Callable[[], float] = time.monotonic
    ):
        self.url = url
        self._visibility = visibility_timeout
        self._clock = clock
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._deletes = Batch("DeleteMessageBatch", self._delete_batch, gather=DELETES_GATHER)
        self._changes = Batch("ChangeMessageVisibilityBatch", self._change_batch)
        self._dead_letter_queue: _DeadLetterQueue | None = None

    async def __aenter__(self) -> Self:
        self._client = await self._stack.enter_async_context(open_client("sqs"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
        """Long poll. Never cancel it: messages that arrive with the response would be lost to
        everyone until their visibility timeout.
        """
        received_at = self._clock()
        response = await self._client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(max_messages, BATCH),
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=self._visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return [_delivery(message, received_at) for message in response.get("Messages", [])]

    async def delete(self, *deliveries: Delivery) -> None:
        """Delete messages. Pass each one's newest delivery: SQS accepts an older handle, but does
        not delete the message.

        Raises:
            EntriesFailed: some were not deleted.
        """
        await _add_all(self._deletes, deliveries, {})

    async def release(self, *deliveries: Delivery) -> None:
        """Make messages visible at once.

        Raises:
            EntriesFailed: some were not made visible.
        """
        await _add_all(self._changes, deliveries, {"VisibilityTimeout": 0})

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        """Hide a message for ``seconds``, but at most until 12 hours after its receive.

        Raises:
            EntriesFailed: SQS refused.
        """
        hidden = min(max(seconds, 0.0), self.time_left(delivery))
        await _add_all(self._changes, [delivery], {"VisibilityTimeout": int(hidden)})

    def time_left(self, delivery: Delivery) -> float:
        """Return for how many seconds the message can still be hidden."""
        return delivery.time_left(self._clock())

    async def send(self, body: str, attributes: Mapping[str, str | Attribute] | None = None) -> str:
        """Send a message, and return SQS's message id, which is unrelated to the job's id.

        Attributes other than text are in boto3's form.
        """
        message_attributes = {}
        for name, value in (attributes or {}).items():
            if isinstance(value, str):
                value = text_attribute(value)
            message_attributes[name] = dict(value)
        response = await self._client.send_message(
            QueueUrl=self.url, MessageBody=body, MessageAttributes=message_attributes
        )
        return str(response["MessageId"])

    async def send_copy(self, delivery: Delivery, delay: float, now: float) -> None:
        """Send the message again, to be handled in ``delay`` seconds. SQS delays a new message by
        at most ``MAX_DELAY``; an attribute says if it must wait for longer.

        The caller must still delete the message itself.

        Args:
            now: seconds since the epoch.
        """
        attributes = dict(delivery.attributes)
        attributes.pop(NOT_BEFORE, None)
        if delay > MAX_DELAY and len(attributes) < MAX_ATTRIBUTES:
            attributes[NOT_BEFORE] = text_attribute(str(int(now + delay)))
        seconds = int(min(max(delay, 0.0), MAX_DELAY))
        await self._client.send_message(
            QueueUrl=self.url,
            MessageBody=delivery.body,
            MessageAttributes=attributes,
            DelaySeconds=seconds,
        )

    async def submit(
        self, job: Job, owner: str | None = None, traceparent: str | None = None
    ) -> str:
        """Send a job, and return SQS's message id.

        Args:
            owner: the name of the API key that the job came with; None if it came with none.
            traceparent: the sender's place in its trace; None if it did not say.
        """
        attributes = {}
        if owner is not None:
            attributes[OWNER] = owner
        if traceparent is not None:
            attributes[TRACEPARENT] = traceparent
        return await self.send(job.to_json(), attributes)

    async def to_dead_letters(
        self, delivery: Delivery, reason: str, attributes: Mapping[str, str] | None = None
    ) -> None:
        """Put a copy of the message, with the same body, into the dead-letter queue.

        The caller must still delete the message itself. If space is short, ``attributes`` take
        precedence, then the sender's own, then the reason, which is truncated to fit.

        Raises:
            NoDeadLetterQueue: the queue has none.
        """
        queue = await self._find_dead_letter_queue()
        candidates: dict[str, Attribute] = {}
        for name, text in (attributes or {}).items():
            candidates[name] = text_attribute(text)
        for name, value in delivery.attributes.items():
            if name != REASON:
                candidates.setdefault(name, value)
        room = queue.max_bytes - len(delivery.body.encode())
        await self._client.send_message(
            QueueUrl=queue.url,
            MessageBody=delivery.body,
            MessageAttributes=fit_attributes(candidates, reason, room),
        )

    async def depth(self) -> Depth:
        return Depth.of(await self._attributes(self.url, *DEPTH_ATTRIBUTES))

    async def dead_letters_url(self) -> str:
        queue = await self._find_dead_letter_queue()
        return queue.url

    async def _find_dead_letter_queue(self) -> _DeadLetterQueue:
        """Find the dead-letter queue through the RedrivePolicy, once."""
        if self._dead_letter_queue is None:
            own = await self._attributes(self.url, REDRIVE_POLICY)
            target = dead_letter_target(self.url, own)
            response = await self._client.get_queue_url(**target)
            url = response["QueueUrl"]
            limit = await self._attributes(url, "MaximumMessageSize")
            self._dead_letter_queue = _DeadLetterQueue(url, int(limit["MaximumMessageSize"]))
        return self._dead_letter_queue

    async def _attributes(self, url: str, *names: str) -> dict[str, str]:
        response = await self._client.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        attributes: dict[str, str] = response.get("Attributes", {})
        return attributes

    async def _delete_batch(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        response: dict[str, Any] = await self._client.delete_message_batch(
            QueueUrl=self.url, Entries=entries
        )
        return response

    async def _change_batch(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        response: dict[str, Any] = await self._client.change_message_visibility_batch(
            QueueUrl=self.url, Entries=entries
        )
        return response


def _delivery(message: dict[str, Any], received_at: float) -> Delivery:
    system = message["Attributes"]
    return Delivery(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        receive_count=int(system["ApproximateReceiveCount"]),
        attributes=message.get("MessageAttributes", {}),
        received_at=received_at,
        sent_at=int(system.get("SentTimestamp", 0)) / 1000,
    )


async def _add_all(batch: Batch, deliveries: Iterable[Delivery], fields: dict[str, Any]) -> None:
    """Send an entry for each delivery. An error of a whole call takes precedence over failed
    entries.
    """
    additions = []
    for delivery in deliveries:
        entry = {"ReceiptHandle": delivery.receipt_handle, **fields}
        additions.append(batch.add(delivery.message_id, entry))
    results = await asyncio.gather(*additions, return_exceptions=True)
    codes: dict[str, str] = {}
    operation = ""
    for error in results:
        if isinstance(error, EntriesFailed):
            codes.update(error.codes)
            operation = error.operation
        elif error is not None:
            raise error
    if codes:
        raise EntriesFailed(operation, codes)
