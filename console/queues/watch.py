"""The depths of the queues, read at most once in some seconds, however often they are shown."""

import asyncio
from collections.abc import Callable

import anyio
from anyio import to_thread

from console.queues.depths import Depths, read_depths
from console.queues.unavailable import explain_unavailable

#: Seconds for which a reading is shown again.
KEEP_SECONDS = 10.0
#: Seconds after which a reading is given up.
TIME_LIMIT = 5.0


class QueueWatch:
    """Watches the job queue at ``url`` and its dead-letter queue.

    ``clock`` returns seconds since the epoch.
    """

    def __init__(self, url: str, clock: Callable[[], float]):
        self._url = url
        self._clock = clock
        self._lock = asyncio.Lock()
        self._depths: Depths | None = None
        self._read_at = 0.0

    async def depths(self) -> Depths:
        """Return the depths as they were at most ``KEEP_SECONDS`` ago.

        Raises:
            QueueUnavailable: they can't be read now.
        """
        async with self._lock:
            is_fresh = self._clock() - self._read_at < KEEP_SECONDS
            if self._depths is None or not is_fresh:
                self._depths = await self._read()
                self._read_at = self._clock()
            return self._depths

    async def _read(self) -> Depths:
        with explain_unavailable(), anyio.fail_after(TIME_LIMIT):
            return await to_thread.run_sync(read_depths, self._url, abandon_on_cancel=True)
