"""Take a job out of the envelope of the AWS service that put it on the queue.

- SNS, for a subscription without raw message delivery: the job is a text in ``Message``
  (https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html).
- EventBridge, for a target without an input path: the job is the object ``detail``
  (https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html).
"""

import json
from typing import Any

_MAX_ENVELOPES = 2
"""EventBridge may send to an SNS topic, which sends to the queue."""


class UnreadableEnvelope(ValueError):
    """The content of an envelope is not JSON."""


def unwrap(document: Any) -> Any:
    """Return the content of a message, or the message itself if it is in no envelope.

    Raises:
        UnreadableEnvelope: the content is not JSON.
    """
    for _ in range(_MAX_ENVELOPES):
        if not isinstance(document, dict):
            break
        if _is_notification(document):
            document = _read_notification(document["Message"])
        elif _is_bridged_event(document):
            document = document["detail"]
        else:
            break
    return document


def _is_notification(document: dict[str, Any]) -> bool:
    is_text = isinstance(document.get("Message"), str)
    return is_text and document.get("Type") == "Notification" and "TopicArn" in document


def _is_bridged_event(document: dict[str, Any]) -> bool:
    return {"detail", "detail-type", "source"} <= document.keys()


def _read_notification(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableEnvelope(
            f"the message in the envelope of SNS is not JSON: {error}"
        ) from error
