"""One receive of a message, and for how long it can be kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Seconds from a receive that its visibility may last; asking past 12 hours is an error, not a
#: clamp
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html).
#: A minute is left for the request's way, which counts, too.
MAX_VISIBILITY: float = 43_200 - 60
#: Message attributes of a dead letter: the generation that failed, and why.
FAILED_GENERATION = "failed_generation"
REASON = "reason"
#: A longer number is none of ours.
_MAX_DIGITS = 9

#: A message attribute, and several by name, in boto3's form.
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
    """No later than SQS's own moment of the receive, by the queue's clock."""
    sent_at: float = 0.0
    """Seconds since the epoch. A message that SQS itself moves to a dead-letter queue keeps it."""

    @property
    def failed_generation(self) -> int | None:
        """The generation whose failure dead-lettered the message; None where none did."""
        text = self.text(FAILED_GENERATION) or ""
        is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
        return int(text) if is_number else None

    def text(self, name: str) -> str | None:
        """Return a message attribute's text; None where there is no such text."""
        value = self.attributes.get(name, {}).get("StringValue")
        return value if isinstance(value, str) else None

    def time_left(self, now: float) -> float:
        """Return for how many seconds it can still be kept; ``now`` is by the queue's clock."""
        return max(self.received_at + MAX_VISIBILITY - now, 0.0)
