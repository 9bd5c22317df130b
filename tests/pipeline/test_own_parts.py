"""What is remembered of a run's parts is what the store has."""

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from pipeline.own_parts import OwnParts


@dataclass
class Stored:
    """Parts named by their first letter, as a store keeps them."""

    parts: list[str] = field(default_factory=list)
    reads: int = 0
    reading: threading.Event = field(default_factory=threading.Event)
    may_return: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_return.set()

    def read(self) -> list[str]:
        self.reads += 1
        parts = list(self.parts)
        self.reading.set()
        self.may_return.wait()
        return parts


@pytest.fixture
def stored() -> Stored:
    return Stored(["a1", "b1"])


@pytest.fixture
def own(stored: Stored) -> OwnParts[str]:
    return OwnParts(stored.read, name=lambda part: part[0], are_none=False)


def write(stored: Stored, own: OwnParts[str], part: str) -> None:
    with own.being_written():
        stored.parts = [other for other in stored.parts if other[0] != part[0]] + [part]
        own.put(part)


async def test_parts_are_read_once(stored: Stored, own: OwnParts[str]):
    assert await own.get() == await own.get() == ["a1", "b1"]
    assert stored.reads == 1


async def test_nothing_is_read_where_nothing_is_stored(stored: Stored):
    own: OwnParts[str] = OwnParts(stored.read, are_none=True)
    write(stored, own, "a1")
    assert await own.get() == ["a1"]
    assert stored.reads == 0


async def test_a_written_part_is_known_and_takes_the_place_of_its_earlier_form(
    stored: Stored, own: OwnParts[str]
):
    await own.get()
    write(stored, own, "c1")
    write(stored, own, "b2")
    assert await own.get() == ["a1", "b2", "c1"]
    assert own.known("b") == "b2"
    assert stored.reads == 1


async def test_parts_that_were_not_read_are_not_made_up_of_what_is_written(
    stored: Stored, own: OwnParts[str]
):
    write(stored, own, "c1")
    assert own.known("c") is None
    assert await own.get() == ["a1", "b1", "c1"]


async def test_parts_are_read_again_after_a_write_that_failed(stored: Stored, own: OwnParts[str]):
    await own.get()
    with pytest.raises(TimeoutError), own.being_written():
        stored.parts.append("c1")
        raise TimeoutError
    assert await own.get() == ["a1", "b1", "c1"]


async def test_parts_are_read_again_once_they_are_forgotten(stored: Stored, own: OwnParts[str]):
    await own.get()
    stored.parts = ["a2"]
    own.forget()
    assert await own.get() == ["a2"]


@pytest.mark.parametrize("is_ended_first", [True, False])
async def test_a_read_that_overlaps_a_write_is_not_kept(
    stored: Stored, own: OwnParts[str], is_ended_first: bool
):
    stored.may_return.clear()
    reading = asyncio.create_task(own.get())
    await asyncio.to_thread(stored.reading.wait)
    with own.being_written():
        stored.parts.append("c1")
        if not is_ended_first:
            stored.may_return.set()
            await reading
        own.put("c1")
    stored.may_return.set()
    assert await reading == ["a1", "b1"]
    assert await own.get() == ["a1", "b1", "c1"]
