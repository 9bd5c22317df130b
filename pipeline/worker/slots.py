"""The messages in progress in a worker. A run that has killed workers gets it to itself."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio

from pipeline.queue import Delivery
from pipeline.worker.execution import Execution, Interruption


@dataclass(eq=False)
class Slot:
    """One message in progress.

    ``delivery`` is its newest receive: the one to extend, release and delete.
    """

    delivery: Delivery
    execution: Execution = field(default_factory=Execution)
    exclusive: bool = False
    """Whether it has the worker to itself, or is waiting for that."""
    waiting: bool = False
    """Whether it is waiting to have the worker to itself; meanwhile it does no work."""
    queue_wait: float | None = None
    """Seconds from sending the message to its run's first work, if that began here."""


class Slots:
    """The messages in progress, at most ``size`` at a time."""

    def __init__(self, size: int):
        self._size = size
        self._slots: dict[str, Slot] = {}
        self._changed = asyncio.Event()
        self.stopping = asyncio.Event()
        self.polling_ended = asyncio.Event()
        """Set when no receive is in progress and none follows: a message that is released now can't
        come back to this worker."""

    def __iter__(self) -> Iterator[Slot]:
        return iter(list(self._slots.values()))

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def free(self) -> int:
        """How many messages may be received now."""
        if self.reserved:
            return 0
        return self._size - len(self._slots)

    @property
    def reserved(self) -> bool:
        """Whether a run has the worker to itself, or is waiting for that."""
        return any(slot.exclusive for slot in self._slots.values())

    def get(self, message_id: str) -> Slot | None:
        return self._slots.get(message_id)

    def open(self, delivery: Delivery) -> Slot:
        slot = Slot(delivery)
        self._slots[delivery.message_id] = slot
        return slot

    def close(self, slot: Slot) -> None:
        del self._slots[slot.delivery.message_id]
        self._changed.set()

    def stop(self) -> None:
        """Interrupt the runs in progress. No message may be received after this."""
        self.stopping.set()
        self._changed.set()
        for slot in self:
            slot.execution.interrupt(Interruption.STOPPING)

    async def wait_for_change(self, seconds: float | None = None) -> None:
        """Wait until a slot is closed or the worker stops, for at most ``seconds``."""
        if self.stopping.is_set():
            return
        self._changed.clear()
        with anyio.move_on_after(seconds):
            await self._changed.wait()

    async def wait_for_capacity(self, messages: int, seconds: float) -> None:
        """Wait until ``messages`` slots are free, for at most ``seconds``.

        The wait also ends when the worker stops, or when all slots are free.
        """
        messages = min(messages, self._size)
        with anyio.move_on_after(seconds):
            while self.free < messages and not self.stopping.is_set():
                await self.wait_for_change()

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time is up or the worker stops."""
        with anyio.move_on_after(seconds):
            await self.stopping.wait()

    async def wait_for_exclusivity(self, slot: Slot) -> bool:
        """Wait until no other message is in progress; none is received in the meantime.

        Returns False if the worker stops first.
        """
        slot.exclusive = True
        slot.waiting = True
        while not self.stopping.is_set():
            if self._is_alone(slot):
                slot.waiting = False
                return True
            await self.wait_for_change()
        return False

    def _is_alone(self, slot: Slot) -> bool:
        return all(other is slot or other.waiting for other in self)
