"""A disk with too little room pauses the receiving until there is room again."""

import logging

import pytest

from pipeline.disk import DiskUse
from pipeline.errors import Family, judge
from pipeline.worker.disk_gate import DiskGate

FULL = DiskUse(free_bytes=1_000_000, total_bytes=200_000_000)
ROOMY = DiskUse(free_bytes=100_000_000, total_bytes=200_000_000)


class Disk:
    """A disk, and how it is after room was made."""

    def __init__(self, now: DiskUse, evicted: DiskUse = FULL, error: Exception | None = None):
        self.now = now
        self._evicted = evicted
        self._error = error
        self.evictions = 0

    def measure(self) -> DiskUse:
        return self.now

    async def make_room(self) -> None:
        self.evictions += 1
        if self._error is not None:
            raise self._error
        self.now = self._evicted


def gate(disk: Disk) -> DiskGate:
    return DiskGate(disk.measure, disk.make_room)


async def test_with_room_nothing_is_removed() -> None:
    disk = Disk(ROOMY)
    assert await gate(disk).is_open()
    assert disk.evictions == 0


async def test_room_that_can_be_made_pauses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(FULL, evicted=ROOMY)
    assert await gate(disk).is_open()
    assert (disk.evictions, caplog.messages) == (1, [])


async def test_a_shortage_and_its_end_are_logged_and_counted_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    disk = Disk(FULL)
    closed = gate(disk)
    assert not await closed.is_open()
    assert not await closed.is_open()
    assert closed.shortage is not None and "1 MB free and needs 20 MB" in closed.shortage
    disk.now = ROOMY
    assert await closed.is_open() and await closed.is_open()
    assert closed.shortage is None
    assert caplog.messages == [
        "metrics",
        "no messages are received: the disk of the data directory has 1 MB free and needs 20 MB,"
        " and what no run uses has been removed: make room on it",
        "the disk has room again: messages are received",
    ]


async def test_what_cannot_be_removed_is_logged_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = Disk(FULL, error=OSError("a folder is busy"))
    closed = gate(disk)
    assert not await closed.is_open()
    assert "room could not be made on the disk: OSError: a folder is busy" in caplog.messages
    assert not await closed.is_open()
    assert disk.evictions == 2


def test_a_disk_without_room_is_told_to_who_asks_before_any_poll() -> None:
    disk = Disk(FULL)
    with pytest.raises(Exception, match="1 MB free and needs 20 MB") as refusal:
        gate(disk).require_room()
    assert judge(refusal.value).family is Family.WAIT
    disk.now = ROOMY
    gate(disk).require_room()
