"""Extending the visibility of messages in the heartbeat's thread, with a synchronous client."""

import time
from collections.abc import Callable
from typing import Any

from pipeline.aws import make_client
from pipeline.queue.delivery import Delivery


class VisibilityExtender:
    """Hides messages for another ``seconds``. ``clock`` is the queue's.

    One thread beats for every run. So nothing is tried twice in a beat, and after SQS did not
    answer, it is not called for a while: the message may be redelivered, but the other runs' leases
    are renewed in time.
    """

    def __init__(self, url: str, seconds: int, *, clock: Callable[[], float] = time.monotonic):
        self._url = url
        self._seconds = seconds
        self._clock = clock
        self._client: Any = None
        self._silent_until = float("-inf")

    def open(self) -> None:
        """Create the client. Call this before ``extend`` and in a thread, since it reads files."""
        self._client = make_client("sqs", read_seconds=5.0, attempts=1)

    def extend(self, delivery: Delivery) -> None:
        """Hide a message for longer, within the 12 hours that SQS allows.

        Raises:
            ConnectionError: SQS did not answer a short while ago, and was not called.
            botocore's errors: SQS refused or did not answer.
        """
        from botocore.exceptions import BotoCoreError

        now = self._clock()
        if now < self._silent_until:
            raise ConnectionError("SQS did not answer the last call; the next one follows soon")
        seconds = min(self._seconds, delivery.time_left(now))
        try:
            self._client.change_message_visibility(
                QueueUrl=self._url,
                ReceiptHandle=delivery.receipt_handle,
                VisibilityTimeout=int(seconds),
            )
        except BotoCoreError:
            self._silent_until = self._clock() + self._seconds / 4
            raise
