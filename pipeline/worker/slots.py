"""The messages that a worker has in work, and the rule that a run which killed workers has the
worker to itself.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.queue import Delivery

log = logging.getLogger(__name__)


class Why(StrEnum):
    """Why a run's work is interrupted."""

    STOPPING = "the worker stops"
    LOST = "the lease is lost"
    CANCELLED = "the run was asked to be cancelled"
    TOO_LONG = "SQS lets nobody keep a message longer"


@dataclass(eq=False)
class Slot:
    """One message in work. ``delivery`` is its newest receive: the one to extend, release and
    delete.
    """

    delivery: Delivery
    work: "asyncio.Task[Any] | None" = None
    why: Why | None = None
    alone: bool = False
    """It has the worker to itself, or waits to have it."""
    waiting: bool = False
    """It waits to be alone, and is no neighbour to blame meanwhile."""
    queue_wait: float | None = None
    """Seconds from the message's sending to its run's first work, where that was here."""

    def interrupt(self, why: Why) -> None:
        """Cancel the work, once: a second cancellation would cut short how it tidies up."""
        if self.work is not None and self.why is None:
            self.work.cancel()
        if self.why is None or why is Why.LOST:
            self.why = why


class Slots:
    """``size`` is how many messages may be in work at once."""

    def __init__(self, size: int):
        self._size = size
        self._slots: dict[str, Slot] = {}
        self._changed = asyncio.Event()
        self.stopping = asyncio.Event()
        self.polled = asyncio.Event()
        """No poll is under way, and none follows: what is released now can't come back to this worker."""

    def __iter__(self) -> Iterator[Slot]:
        return iter([*self._slots.values()])

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def free(self) -> int:
        """How many messages may be taken now."""
        return 0 if self.reserved else self._size - len(self._slots)

    @property
    def reserved(self) -> bool:
        return any(slot.alone for slot in self._slots.values())

    def get(self, message_id: str) -> Slot | None:
        return self._slots.get(message_id)

    def open(self, delivery: Delivery) -> Slot:
        slot = self._slots[delivery.message_id] = Slot(delivery)
        return slot

    def close(self, slot: Slot) -> None:
        del self._slots[slot.delivery.message_id]
        self._changed.set()

    def stop(self) -> None:
        """Interrupt what is in work. Nothing more may be taken."""
        self.stopping.set()
        self._changed.set()
        for slot in self:
            slot.interrupt(Why.STOPPING)

    async def change(self, seconds: float | None = None) -> None:
        """Wait until a slot was closed, or the worker stops, for ``seconds`` at most."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def room(self, wanted: int, seconds: float) -> None:
        """Wait until ``wanted`` messages may be taken at once, or the worker stops, for ``seconds``
        at most.
        """
        wanted = min(wanted, self._size)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.free < wanted and not self.stopping.is_set():
                    await self.change()

    async def pause(self, seconds: float) -> None:
        """Sleep, unless the worker stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()

    async def be_alone(self, slot: Slot) -> bool:
        """Wait until no other message is in work here; none is taken meanwhile. False: the worker
        stops.
        """
        slot.alone = slot.waiting = True
        while not self.stopping.is_set():
            if all(other is slot or other.waiting for other in self):
                slot.waiting = False
                return True
            await self.change()
        return False
