"""The numbers of messages in a queue, and the name of its dead-letter queue, as SQS gives them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

DEPTH_ATTRIBUTES = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
REDRIVE_POLICY = "RedrivePolicy"


class NoDeadLetterQueue(Exception):
    """The queue has no RedrivePolicy, so nothing can be dead-lettered."""


@dataclass(frozen=True)
class Depth:
    """How many messages a queue contains, by SQS's approximate counts."""

    visible: int
    in_flight: int
    delayed: int

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> "Depth":
        """Return the depth of a queue with these ``DEPTH_ATTRIBUTES``."""
        visible, in_flight, delayed = DEPTH_ATTRIBUTES
        return cls(
            visible=int(attributes[visible]),
            in_flight=int(attributes[in_flight]),
            delayed=int(attributes[delayed]),
        )


def dead_letter_target(url: str, attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the arguments of GetQueueUrl for the dead-letter queue.

    Args:
        url: the queue's, for the error's message.
        attributes: the queue's, of which the redrive policy names the dead-letter queue.

    Raises:
        NoDeadLetterQueue: the policy names none.
    """
    policy = json.loads(attributes.get(REDRIVE_POLICY, "{}"))
    if "deadLetterTargetArn" not in policy:
        raise NoDeadLetterQueue(f"{url} has no RedrivePolicy: give it a dead-letter queue")
    account, name = policy["deadLetterTargetArn"].split(":")[-2:]
    return {"QueueName": name, "QueueOwnerAWSAccountId": account}
