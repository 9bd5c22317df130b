"""How full the disk of a folder is, and whether that is enough for runs to begin."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from repository.git import MIN_FREE_SHARE

#: Bytes that suffice on a large disk, where a tenth of it would be far more than runs need.
ENOUGH_BYTES = 1_000_000_000
#: The share of the free space that runs need to begin, below which the disk counts as full. On a
#: large disk it is about what the sandbox keeps free (``sandbox.limits.MIN_FREE_BYTES``).
_FULL_SHARE = 0.25


@dataclass(frozen=True)
class DiskUse:
    """Of the disk that has a folder, or will have it."""

    free_bytes: int
    total_bytes: int

    @property
    def used_percent(self) -> float:
        return 100 * (1 - self.free_bytes / self.total_bytes)

    @property
    def needed_bytes(self) -> int:
        """The free space with which runs may begin."""
        return int(min(self.total_bytes * MIN_FREE_SHARE, ENOUGH_BYTES))

    @property
    def has_room(self) -> bool:
        """Whether runs may begin."""
        return self.free_bytes >= self.needed_bytes

    @property
    def is_full(self) -> bool:
        """Whether what fails now may have failed for want of space."""
        return self.free_bytes < self.needed_bytes * _FULL_SHARE


def existing_parent(folder: Path) -> Path:
    """Return the folder itself, or the nearest folder above it that exists."""
    absolute = folder.absolute()
    return next(parent for parent in (absolute, *absolute.parents) if parent.exists())


def measure_disk(folder: Path) -> DiskUse:
    """Measure the disk of a folder, which need not exist yet."""
    disk = shutil.disk_usage(existing_parent(folder))
    return DiskUse(free_bytes=disk.free, total_bytes=disk.total)
