"""SQS: taking deliveries, keeping them, giving them back, and the dead-letter queue."""

from pipeline.queue.batch import BATCH, EntriesFailed
from pipeline.queue.sqs import (
    FAILED_GENERATION,
    REASON,
    Delivery,
    NoDeadLetterQueue,
    SqsQueue,
    visibility_extender,
)

__all__ = [
    "BATCH",
    "FAILED_GENERATION",
    "REASON",
    "Delivery",
    "EntriesFailed",
    "NoDeadLetterQueue",
    "SqsQueue",
    "visibility_extender",
]
