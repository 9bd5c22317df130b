import asyncio

from pipeline.queue import Delivery
from pipeline.worker.slots import Slot, Slots

FOREVER = 3600.0


def open_slots(slots: Slots, count: int) -> list[Slot]:
    return [slots.open(Delivery(str(n), "handle", "{}", 1, {}, 0.0)) for n in range(count)]


async def wait_for_capacity(slots: Slots, messages: int) -> "asyncio.Task[None]":
    """Return a task that waits for capacity, once it does."""
    task = asyncio.create_task(slots.wait_for_capacity(messages, FOREVER))
    await asyncio.sleep(0)
    return task


async def test_free_capacity_needs_no_wait():
    slots = Slots(12)
    open_slots(slots, 2)
    await slots.wait_for_capacity(10, FOREVER)


async def test_wait_for_capacity_ends_when_enough_slots_are_closed():
    slots = Slots(3)
    first, second, third = open_slots(slots, 3)
    task = await wait_for_capacity(slots, 2)
    slots.close(first)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    slots.close(second)
    await task
    assert slots.free == 2
    assert list(slots) == [third]


async def test_wait_for_more_messages_than_slots_is_a_wait_for_all_of_them():
    slots = Slots(2)
    first, second = open_slots(slots, 2)
    task = await wait_for_capacity(slots, 10)
    slots.close(first)
    slots.close(second)
    await task


async def test_stopping_worker_does_not_wait_for_capacity():
    slots = Slots(1)
    open_slots(slots, 1)
    task = await wait_for_capacity(slots, 1)
    slots.stop()
    await task


async def test_wait_for_capacity_ends_after_its_seconds():
    slots = Slots(10)
    open_slots(slots, 9)
    await slots.wait_for_capacity(10, 0.001)
    assert slots.free == 1
