"""One receive of a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.telemetry.trace_context import TRACEPARENT

#: Seconds after its receive for which a message can be hidden: 12 hours, minus a minute because
#: the request's travel time counts, too. To request more is an error; SQS does not clamp it
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html).
MAX_VISIBILITY: float = 43_200 - 60
#: Message attributes of a dead letter: the generation that failed, and why.
FAILED_GENERATION = "failed_generation"
REASON = "reason"
#: Message attribute of a job that came over HTTP: the name of its sender's API key.
OWNER = "owner"
#: Message attribute of a copy that must wait for longer than SQS delays a new message: seconds
#: since the epoch.
NOT_BEFORE = "not_before"
#: A number with more digits was not written by us.
_MAX_DIGITS = 10

#: A message attribute, and attributes by name, in boto3's form.
Attribute = Mapping[str, Any]
Attributes = Mapping[str, Attribute]


@dataclass(frozen=True)
class Delivery:
    """One receive of a message."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    attributes: Attributes
    received_at: float
    """By the queue's clock, and no later than SQS's own time of the receive."""
    sent_at: float = 0.0
    """Seconds since the epoch. Unchanged if SQS itself moves the message to a dead-letter queue."""

    @property
    def failed_generation(self) -> int | None:
        """The generation whose failure dead-lettered the message; None if there is none."""
        return self._number(FAILED_GENERATION)

    @property
    def not_before(self) -> float:
        """When the message may be handled, in seconds since the epoch; 0 for at once."""
        return float(self._number(NOT_BEFORE) or 0)

    def _number(self, name: str) -> int | None:
        text = self.text(name) or ""
        is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
        return int(text) if is_number else None

    @property
    def owner(self) -> str | None:
        """The name of the API key that sent the job; None if its sender wrote to the queue."""
        return self.text(OWNER) or None

    @property
    def traceparent(self) -> str | None:
        """The sender's place in its trace, as it came."""
        return self.text(TRACEPARENT)

    def text(self, name: str) -> str | None:
        """Return a message attribute's text; None if it is missing or not a text."""
        value = self.attributes.get(name, {}).get("StringValue")
        return value if isinstance(value, str) else None

    def time_left(self, now: float) -> float:
        """Return for how many seconds it can still be hidden; ``now`` is by the queue's clock."""
        return max(self.received_at + MAX_VISIBILITY - now, 0.0)
