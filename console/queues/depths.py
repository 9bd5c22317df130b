"""How many messages the job queue and its dead-letter queue contain."""

from dataclasses import dataclass

from console.queues.visibility import VISIBILITY_TIMEOUT
from pipeline.queue import NoDeadLetterQueue, SqsQueue
from pipeline.queue.sqs import Depth


@dataclass(frozen=True)
class QueueDepth:
    url: str
    depth: Depth


@dataclass(frozen=True)
class Depths:
    jobs: QueueDepth
    dead_letters: QueueDepth | None
    """None if the job queue has no dead-letter queue."""


async def read_depths(url: str) -> Depths:
    """Count the messages of the job queue at ``url`` and of its dead-letter queue."""
    async with SqsQueue(url, visibility_timeout=VISIBILITY_TIMEOUT) as jobs:
        jobs_depth = QueueDepth(url, await jobs.depth())
        try:
            dead_letters_url = await jobs.dead_letters_url()
        except NoDeadLetterQueue:
            return Depths(jobs_depth, None)
    async with SqsQueue(dead_letters_url, visibility_timeout=VISIBILITY_TIMEOUT) as dead_letters:
        depth = await dead_letters.depth()
        return Depths(jobs_depth, QueueDepth(dead_letters_url, depth))
