"""The dead-letter queue as the web console shows it: read seldom, and replayed from."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.queues.dead_messages import DeadMessage, DeadMessages, Snapshot
from console.queues.opening import open_queues
from console.queues.replays import Replay, send_replay
from console.queues.unavailable import QueueUnavailable, explain_unavailable

#: Seconds for which what was read is shown again: while the queue is read, its messages are hidden
#: from others.
KEEP_SECONDS = 30.0


@dataclass(frozen=True)
class Sent:
    """A replay that was sent."""

    replay: Replay
    message_id: str


@dataclass(frozen=True)
class Replayed:
    """What became of several replays."""

    sent: tuple[Sent, ...]
    left: tuple[Replay, ...]
    """Those that were not sent: their messages could no longer be seen, or SQS refused."""
    problem: str
    """What SQS refused; empty if nothing."""


class DeadLetters:
    """The dead-letter queue of the job queue at ``url``. One reader or mover works at a time.

    ``clock`` returns seconds since the epoch.
    """

    def __init__(self, url: str, clock: Callable[[], float]):
        self._url = url
        self._clock = clock
        self._lock = asyncio.Lock()
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0

    async def read(self) -> Snapshot:
        """Return the messages as they were at most ``KEEP_SECONDS`` ago.

        Raises:
            QueueUnavailable: they can't be read now.
        """
        async with self._lock:
            is_fresh = self._clock() - self._read_at < KEEP_SECONDS
            if self._snapshot is None or not is_fresh:
                with explain_unavailable():
                    async with open_queues(self._url) as queues:
                        messages = DeadMessages(queues.dead_letters, asyncio.Event())
                        self._snapshot = await messages.read()
                self._read_at = self._clock()
            return self._snapshot

    async def replay(self, replays: Sequence[Replay]) -> Replayed:
        """Send each replay, and then delete its message. If it is repeated, no job runs twice: both
        messages have the same replay id.
        """
        by_id = {replay.message.message_id: replay for replay in replays}
        sent: dict[str, Sent] = {}
        problem = ""
        async with self._lock:
            self._snapshot = None
            try:
                with explain_unavailable():
                    async with open_queues(self._url) as queues:

                        async def send(message: DeadMessage) -> None:
                            replay = by_id[message.message_id]
                            message_id = await send_replay(queues.jobs, replay)
                            sent[message.message_id] = Sent(replay, message_id)

                        messages = DeadMessages(queues.dead_letters, asyncio.Event())
                        await messages.move([replay.message for replay in replays], send)
            except QueueUnavailable as error:
                problem = str(error)
        left = [replay for replay in replays if replay.message.message_id not in sent]
        return Replayed(tuple(sent.values()), tuple(left), problem)
