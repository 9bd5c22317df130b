"""Publishing messages to SNS topics, in batches."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.aws import open_client
from pipeline.queue.attributes import size_of_attribute, text_attribute
from pipeline.queue.batch import BATCH

#: Bytes that the messages of one batch may have together
#: (https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html).
MAX_BATCH_BYTES = 262_144


class NotPublished(Exception):
    """SNS did not accept one message of a batch.

    ``is_senders``: SNS says that the request is to blame, not SNS itself.
    """

    def __init__(self, code: str, message: str, *, is_senders: bool):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.is_senders = is_senders


@dataclass(frozen=True)
class TopicMessage:
    id: str
    """Unique among the messages that are published together."""
    topic_arn: str
    body: str
    attributes: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes that SNS counts."""
        size = len(self.body.encode())
        for name, value in self.attributes.items():
            size += size_of_attribute(name, text_attribute(value))
        return size


@dataclass
class _Batch:
    topic_arn: str
    messages: list[TopicMessage] = field(default_factory=list)
    size: int = 0

    def has_room(self, size: int) -> bool:
        return len(self.messages) < BATCH and self.size + size <= MAX_BATCH_BYTES

    def add(self, message: TopicMessage, size: int) -> None:
        self.messages.append(message)
        self.size += size


class Topics:
    """SNS's topics. The client is open while this is entered as an async context."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def __aenter__(self) -> Self:
        self._client = await self._stack.enter_async_context(open_client("sns"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def publish(self, messages: Sequence[TopicMessage]) -> dict[str, Exception]:
        """Publish messages.

        Returns:
            The error of each message that was not accepted, by the message's id: NotPublished, or
            botocore's error if the whole call failed.
        """
        calls = [self._publish_batch(batch) for batch in _batches(messages)]
        failures: dict[str, Exception] = {}
        for of_batch in await asyncio.gather(*calls):
            failures.update(of_batch)
        return failures

    async def _publish_batch(self, batch: _Batch) -> dict[str, Exception]:
        entries = []
        for number, message in enumerate(batch.messages):
            attributes = {name: text_attribute(text) for name, text in message.attributes.items()}
            entry = {"Id": str(number), "Message": message.body, "MessageAttributes": attributes}
            entries.append(entry)
        try:
            response = await self._client.publish_batch(
                TopicArn=batch.topic_arn, PublishBatchRequestEntries=entries
            )
        except Exception as error:
            return {message.id: error for message in batch.messages}
        failures: dict[str, Exception] = {}
        for failed in response.get("Failed", []):
            message = batch.messages[int(failed["Id"])]
            failures[message.id] = NotPublished(
                failed["Code"], failed.get("Message", ""), is_senders=failed["SenderFault"]
            )
        return failures


def _batches(messages: Sequence[TopicMessage]) -> list[_Batch]:
    """Distribute messages to batches: each within SNS's limits, and for one topic."""
    by_topic: dict[str, list[_Batch]] = defaultdict(list)
    for message in messages:
        of_topic = by_topic[message.topic_arn]
        size = message.size
        if not of_topic or not of_topic[-1].has_room(size):
            of_topic.append(_Batch(message.topic_arn))
        of_topic[-1].add(message, size)
    batches = []
    for of_topic in by_topic.values():
        batches.extend(of_topic)
    return batches
