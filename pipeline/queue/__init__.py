"""SQS: receiving, hiding, releasing and deleting messages, and the dead-letter queue; SNS:
publishing.
"""

from pipeline.queue.batch import BATCH, EntriesFailed
from pipeline.queue.delivery import FAILED_GENERATION, REASON, Delivery
from pipeline.queue.depth import NoDeadLetterQueue
from pipeline.queue.extender import VisibilityExtender
from pipeline.queue.sqs import SqsQueue
from pipeline.queue.topics import NotPublished, TopicMessage, Topics

__all__ = [
    "BATCH",
    "FAILED_GENERATION",
    "REASON",
    "Delivery",
    "EntriesFailed",
    "NoDeadLetterQueue",
    "NotPublished",
    "SqsQueue",
    "TopicMessage",
    "Topics",
    "VisibilityExtender",
]
