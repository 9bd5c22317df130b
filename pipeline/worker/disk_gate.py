"""The worker's disk: while it has too little room, the worker receives no messages.

Every run would only meet a full disk. What no run uses is removed, and messages are received again
as soon as there is room, whoever made it.
"""

import logging
from collections.abc import Awaitable, Callable

from pipeline import metrics
from pipeline.disk import DiskUse
from pipeline.errors import Retry, describe

log = logging.getLogger(__name__)


class DiskGate:
    """Whether runs can begin, as far as the disk is concerned."""

    def __init__(self, measure: Callable[[], DiskUse], make_room: Callable[[], Awaitable[None]]):
        """Args:
        measure: measures the disk of the data directory.
        make_room: removes what no run uses, or a part of it if that is much.
        """
        self._measure = measure
        self._make_room = make_room
        self.shortage: str | None = None
        """Why no messages are received; None if they are."""

    async def is_open(self) -> bool:
        """Return whether messages may be received, after making room if there is too little."""
        disk = self._measure()
        if not disk.has_room:
            disk = await self._measure_after_making_room()
        self._note(disk)
        return self.shortage is None

    def require_room(self) -> None:
        """Check the disk as it is now.

        Raises:
            Retry: it has too little room; the message says how much.
        """
        disk = self._measure()
        if not disk.has_room:
            raise Retry(_describe(disk), counts=False)

    async def _measure_after_making_room(self) -> DiskUse:
        try:
            await self._make_room()
        except Exception as error:
            log.warning("room could not be made on the disk: %s", describe(error))
        return self._measure()

    def _note(self, disk: DiskUse) -> None:
        """Log and count when the shortage begins, and log when it ends."""
        if disk.has_room:
            if self.shortage is not None:
                log.info("the disk has room again: messages are received")
            self.shortage = None
            return
        is_new = self.shortage is None
        self.shortage = _describe(disk)
        if is_new:
            metrics.note_disk_pause()
            log.error("no messages are received: %s", self.shortage)


def _describe(disk: DiskUse) -> str:
    free = disk.free_bytes // 1_000_000
    needed = disk.needed_bytes // 1_000_000
    return (
        f"the disk of the data directory has {free} MB free and needs {needed} MB, and what no run"
        " uses has been removed: make room on it"
    )
