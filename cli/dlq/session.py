"""Work on the job queue and its dead-letter queue, with a clean end on Ctrl-C."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from cli.aws import exit_on_aws_error, queue_url
from console.queues.dead_messages import DeadMessages
from console.queues.opening import open_queues
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
    async with open_queues(url) as queues:
        messages = DeadMessages(queues.dead_letters, stop)
        session = DlqSession(queues.jobs, queues.dead_letters, messages, stop)
        result = await work(session)
        return result, stop.is_set()
