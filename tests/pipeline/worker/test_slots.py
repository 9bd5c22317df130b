import asyncio

from pipeline.queue import Delivery
from pipeline.worker.slots import Slot, Slots

FOREVER = 3600.0


def opened(slots: Slots, count: int) -> list[Slot]:
    return [slots.open(Delivery(str(n), "handle", "{}", 1, {}, 0.0)) for n in range(count)]


async def waits(slots: Slots, wanted: int) -> "asyncio.Task[None]":
    """A task that waits for room, once it does."""
    task = asyncio.create_task(slots.wait_for_capacity(wanted, FOREVER))
    await asyncio.sleep(0)
    return task


async def test_room_that_is_there_is_not_waited_for():
    slots = Slots(12)
    opened(slots, 2)
    await slots.wait_for_capacity(10, FOREVER)


async def test_room_is_there_when_as_many_slots_are_closed_as_were_wanted():
    slots = Slots(3)
    first, second, third = opened(slots, 3)
    task = await waits(slots, 2)
    slots.close(first)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    slots.close(second)
    await task
    assert slots.free == 2 and list(slots) == [third]


async def test_more_than_there_are_slots_is_all_of_them():
    slots = Slots(2)
    first, second = opened(slots, 2)
    task = await waits(slots, 10)
    slots.close(first)
    slots.close(second)
    await task


async def test_a_worker_that_stops_waits_for_no_room():
    slots = Slots(1)
    opened(slots, 1)
    task = await waits(slots, 1)
    slots.stop()
    await task


async def test_the_wait_for_room_ends_with_what_there_is():
    slots = Slots(10)
    opened(slots, 9)
    await slots.wait_for_capacity(10, 0.001)
    assert slots.free == 1
