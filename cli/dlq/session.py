"""Work on the job queue and its dead-letter queue, with a clean end on Ctrl-C."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from cli.aws import VISIBILITY_TIMEOUT, exit_on_aws_error, queue_url
from cli.dlq.dead_messages import HOLD_SECONDS, DeadMessages
from pipeline.queue import SqsQueue

Result = TypeVar("Result")


@dataclass(frozen=True)
class DlqSession:
    """The job queue and its dead-letter queue, both open."""

    main_queue: SqsQueue
    dead_letter_queue: SqsQueue
    messages: DeadMessages
    stop: asyncio.Event
    """Set by Ctrl-C and SIGTERM."""


def with_dlq(
    ctx: click.Context, work: Callable[[DlqSession], Awaitable[Result]]
) -> tuple[Result, bool]:
    """Do ``work`` with both queues open. Return its result, and whether it was interrupted: Ctrl-C
    and SIGTERM set the session's ``stop`` and don't cut the work short.
    """
    with exit_on_aws_error():
        return asyncio.run(_run(queue_url(ctx), work))


async def _run(url: str, work: Callable[[DlqSession], Awaitable[Result]]) -> tuple[Result, bool]:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with SqsQueue(url, visibility_timeout=VISIBILITY_TIMEOUT) as main_queue:
        dead_letter_url = await main_queue.dead_letters_url()
        async with SqsQueue(dead_letter_url, visibility_timeout=HOLD_SECONDS) as dead_letter_queue:
            messages = DeadMessages(dead_letter_queue, stop)
            session = DlqSession(main_queue, dead_letter_queue, messages, stop)
            result = await work(session)
            return result, stop.is_set()
