"""Opening the job queue together with its dead-letter queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from console.queues.visibility import HOLD_SECONDS, VISIBILITY_TIMEOUT
from pipeline.queue import SqsQueue


@dataclass(frozen=True)
class Queues:
    """The job queue and its dead-letter queue, both open."""

    jobs: SqsQueue
    dead_letters: SqsQueue


@asynccontextmanager
async def open_queues(url: str) -> AsyncIterator[Queues]:
    """Open the job queue at ``url``, and the dead-letter queue that its RedrivePolicy names.

    Raises:
        NoDeadLetterQueue: it names none.
    """
    async with SqsQueue(url, visibility_timeout=VISIBILITY_TIMEOUT) as jobs:
        dead_letters_url = await jobs.dead_letters_url()
        async with SqsQueue(dead_letters_url, visibility_timeout=HOLD_SECONDS) as dead_letters:
            yield Queues(jobs, dead_letters)
