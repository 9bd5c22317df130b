"""Room on the disk that cached folders take: those of any repository that no run is copying."""

import logging
from collections.abc import Callable
from pathlib import Path

from repository.testing.install.cache_entries import CacheEntries, find_entries, last_use
from sandbox import Sandbox

log = logging.getLogger(__name__)

#: Entries removed by one call: each takes up to a few seconds, for which its caller waits.
MAX_REMOVED = 8
#: A repository's folder, and the kind of its entries.
_BELOW = "*/*/"


async def remove_cached(sandbox: Sandbox, cache: Path, has_room: Callable[[], bool]) -> None:
    """Remove cached folders, those first whose last use is longest ago, until there is room.

    Args:
        sandbox: in which they were written, so that it can also remove them.
        cache: the folder of all repositories.
        has_room: measures the disk.

    Raises:
        OSError: one can't be removed.
    """
    removed = 0
    for entry in sorted(find_entries(cache, below=_BELOW), key=last_use):
        if removed == MAX_REMOVED or has_room():
            return
        if await CacheEntries(sandbox, entry.parent).remove_unused(entry):
            log.info("%s was removed from the cache", entry.relative_to(cache))
            removed += 1
