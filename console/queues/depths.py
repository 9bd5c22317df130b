"""How many messages the job queue and its dead-letter queue contain."""

from dataclasses import dataclass

from pipeline.aws import make_client
from pipeline.queue.depth import (
    DEPTH_ATTRIBUTES,
    REDRIVE_POLICY,
    Depth,
    NoDeadLetterQueue,
    dead_letter_target,
)

#: A person waits for the answer.
_READ_SECONDS = 5.0
_ATTEMPTS = 2


@dataclass(frozen=True)
class QueueDepth:
    url: str
    depth: Depth


@dataclass(frozen=True)
class Depths:
    jobs: QueueDepth
    dead_letters: QueueDepth | None
    """None if the job queue has no dead-letter queue."""


def read_depths(url: str) -> Depths:
    """Count the messages of the job queue at ``url`` and of its dead-letter queue. It blocks.

    The client is synchronous: the asynchronous one takes twice as long to import, which is most of
    the time that the command takes.
    """
    client = make_client("sqs", read_seconds=_READ_SECONDS, attempts=_ATTEMPTS)
    response = client.get_queue_attributes(
        QueueUrl=url, AttributeNames=[*DEPTH_ATTRIBUTES, REDRIVE_POLICY]
    )
    attributes = response["Attributes"]
    jobs = QueueDepth(url, Depth.of(attributes))
    try:
        target = dead_letter_target(url, attributes)
    except NoDeadLetterQueue:
        return Depths(jobs, None)
    dead_letters_url = client.get_queue_url(**target)["QueueUrl"]
    response = client.get_queue_attributes(
        QueueUrl=dead_letters_url, AttributeNames=list(DEPTH_ATTRIBUTES)
    )
    depth = Depth.of(response["Attributes"])
    return Depths(jobs, QueueDepth(dead_letters_url, depth))
