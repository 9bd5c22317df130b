"""Read the messages of a dead-letter queue without removing them, and move selected ones.

This receives, sends and deletes messages itself: SQS's StartMessageMoveTask has no filter and can't
change a message.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from console.queues.visibility import HOLD_SECONDS
from pipeline.errors import describe
from pipeline.job import InvalidJob, Job, NewerSchema, UnreadableMessage, parse_job
from pipeline.queue import BATCH, REASON, Delivery, SqsQueue

log = logging.getLogger(__name__)

#: Seconds. A long poll asks all of SQS's servers; a short one may miss messages.
POLL_SECONDS = 1
MOVED_BY_SQS = "no reason given: SQS moved it after too many receives, and its run has not ended"

#: Characters of a reason that count for its pattern.
_PATTERN_LENGTH = 300
#: A word with a digit in it: a number or an identifier.
_VARIABLE_WORD = re.compile(r"\b(?=[\w-]*\d)[\w-]+\b")


class Kind(StrEnum):
    FAILED = "failed"
    """Its run ended as ``failed``: it can be replayed."""
    UNFINISHED = "unfinished"
    """SQS moved it because its workers died: when it is redriven, its run resumes."""
    NEWER = "newer"
    """It was written for a newer worker."""
    INVALID = "invalid"
    """It names an issue, but is not a valid job."""
    UNREADABLE = "unreadable"
    """It is not a job at all."""


@dataclass(frozen=True)
class DeadMessage:
    """A parsed message of the dead-letter queue."""

    delivery: Delivery
    kind: Kind
    reason: str
    """On one line."""
    job: Job | None = None
    job_id: str | None = None
    repository: str | None = None
    issue_url: str | None = None

    @property
    def message_id(self) -> str:
        return self.delivery.message_id

    @property
    def pattern(self) -> str:
        """The start of the reason, with ``*`` for numbers and identifiers, so that messages with
        the same cause share it.
        """
        return _VARIABLE_WORD.sub("*", self.reason[:_PATTERN_LENGTH])


def parse_delivery(delivery: Delivery) -> DeadMessage:
    """Parse a message. This never fails: ``kind`` says what is wrong with a message."""
    stated_reason = _one_line(delivery.text(REASON) or "")
    try:
        job = parse_job(delivery.body)
    except InvalidJob as error:
        return DeadMessage(
            delivery,
            Kind.INVALID,
            stated_reason or str(error),
            job_id=error.job_id,
            repository=error.subject.repository,
            issue_url=error.subject.url,
        )
    except NewerSchema as error:
        return DeadMessage(delivery, Kind.NEWER, stated_reason or _one_line(str(error)))
    except UnreadableMessage as error:
        return DeadMessage(delivery, Kind.UNREADABLE, stated_reason or _one_line(str(error)))
    return DeadMessage(
        delivery,
        Kind.UNFINISHED if delivery.failed_generation is None else Kind.FAILED,
        stated_reason or MOVED_BY_SQS,
        job=job,
        job_id=job.id,
        repository=job.subject.repository,
        issue_url=job.subject.url,
    )


@dataclass(frozen=True)
class MessageFilter:
    """A condition that selects messages."""

    reason: str | None = None
    """Appears anywhere in the reason; ``*`` stands for any text."""
    repository: str | None = None
    since: float | None = None
    """Seconds since the epoch."""
    ids: tuple[str, ...] = ()
    """Message ids or job ids."""

    def matches(self, message: DeadMessage) -> bool:
        return (
            self._matches_reason(message)
            and self._matches_repository(message)
            and self._matches_time(message)
            and self._matches_id(message)
        )

    def _matches_reason(self, message: DeadMessage) -> bool:
        if self.reason is None:
            return True
        return contains_pattern(message.reason.casefold(), self.reason.casefold())

    def _matches_repository(self, message: DeadMessage) -> bool:
        return self.repository is None or message.repository == self.repository.lower()

    def _matches_time(self, message: DeadMessage) -> bool:
        return self.since is None or message.delivery.sent_at >= self.since

    def _matches_id(self, message: DeadMessage) -> bool:
        return not self.ids or message.message_id in self.ids or message.job_id in self.ids


def contains_pattern(text: str, pattern: str) -> bool:
    """Return whether the pattern, in which ``*`` stands for any text, appears in ``text``.

    It is not a regular expression: a reason quotes strangers, and several ``.*`` would take forever
    on a long one.
    """
    position = 0
    for part in pattern.split("*"):
        start = text.find(part, position)
        if start < 0:
            return False
        position = start + len(part)
    return True


@dataclass(frozen=True)
class Snapshot:
    """The content of the dead-letter queue at one time."""

    messages: list[DeadMessage]
    """Oldest first."""
    unseen: int
    """The number of other messages, by SQS's approximate counts: in flight elsewhere, or delayed.
    """


class DeadMessages:
    """The messages of a dead-letter queue.

    ``queue`` is the dead-letter queue itself, opened with HOLD_SECONDS. When ``stop`` is set, each
    method ends early, with no message half moved and none hidden.
    """

    def __init__(self, queue: SqsQueue, stop: asyncio.Event):
        self._queue = queue
        self._stop = stop

    async def read(self, on_progress: Callable[[int], object] = lambda _: None) -> Snapshot:
        """Read every message once. All stay hidden until the last is read, then become visible
        again.
        """
        held: dict[str, Delivery] = {}
        try:
            async for _ in self._receive_pages(held):
                on_progress(len(held))
            depth = await self._queue.depth()
        finally:
            await self._release(held.values())
        messages = [parse_delivery(delivery) for delivery in held.values()]
        messages.sort(key=lambda message: message.delivery.sent_at)
        total = depth.visible + depth.in_flight + depth.delayed
        return Snapshot(messages, max(total - len(held), 0))

    async def move(
        self,
        messages: Collection[DeadMessage],
        transfer: Callable[[DeadMessage], Awaitable[None]],
        *,
        per_second: float | None = None,
    ) -> int:
        """Receive each of ``messages`` again, ``transfer`` it elsewhere, and only then delete it.

        Returns how many were moved: not all if ``stop`` was set or some were no longer there. An
        error in ``transfer`` or from SQS ends the move: the current message stays, although it may
        have been transferred.
        """
        move = _Move({message.message_id for message in messages}, per_second)
        held: dict[str, Delivery] = {}
        try:
            async for page in self._receive_pages(held):
                for delivery in page:
                    if delivery.message_id not in move.selected:
                        continue
                    if not await self._move_one(delivery, move, transfer):
                        return len(move.moved)
                    held.pop(delivery.message_id, None)
                if move.moved == move.selected:
                    break
        finally:
            await self._release(held.values())
        return len(move.moved)

    async def _move_one(
        self,
        delivery: Delivery,
        move: "_Move",
        transfer: Callable[[DeadMessage], Awaitable[None]],
    ) -> bool:
        """Return False, and do nothing, if ``stop`` is set."""
        if delivery.message_id not in move.moved:
            if move.moved and move.per_second:
                await self._sleep(1 / move.per_second)
            if self._stop.is_set():
                return False
            await transfer(parse_delivery(delivery))
        # SQS may deliver a deleted message again: then it is only deleted again.
        await self._queue.delete(delivery)
        move.moved.add(delivery.message_id)
        return True

    async def _receive_pages(self, held: dict[str, Delivery]) -> AsyncIterator[list[Delivery]]:
        """Yield pages of messages until no new one arrives. Puts the newest delivery of each
        message into ``held``.
        """
        repeated_pages = 0
        while not self._stop.is_set():
            page = await self._queue.receive(BATCH, POLL_SECONDS)
            has_new_message = any(delivery.message_id not in held for delivery in page)
            repeated_pages = 0 if has_new_message else repeated_pages + 1
            for delivery in page:
                held[delivery.message_id] = delivery
            # After HOLD_SECONDS messages come around again: stop after one such round.
            pages_held = len(held) // BATCH + 1
            if not page or repeated_pages > pages_held:
                return
            yield page

    async def _sleep(self, seconds: float) -> None:
        """Sleep until ``stop`` is set, at most for ``seconds``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _release(self, held: Collection[Delivery]) -> None:
        try:
            await self._queue.release(*held)
        except Exception as error:  # an error that ended the work matters more
            minutes = HOLD_SECONDS // 60
            log.warning(
                "some messages stay hidden for up to %d minutes: %s", minutes, describe(error)
            )


class _Move:
    """The progress of one call of ``move``, as message ids."""

    def __init__(self, selected: set[str], per_second: float | None):
        self.selected = selected
        self.per_second = per_second
        self.moved: set[str] = set()


def _one_line(text: str) -> str:
    return " ".join(text.split())
