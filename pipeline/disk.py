"""How full the disk of a folder is."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DiskUse:
    """Of the disk that has a folder, or will have it."""

    free_bytes: int
    used_percent: float


def existing_parent(folder: Path) -> Path:
    """Return the folder itself, or the nearest folder above it that exists."""
    absolute = folder.absolute()
    return next(parent for parent in (absolute, *absolute.parents) if parent.exists())


def measure_disk(folder: Path) -> DiskUse:
    """Measure the disk of a folder, which need not exist yet."""
    disk = shutil.disk_usage(existing_parent(folder))
    return DiskUse(free_bytes=disk.free, used_percent=100 * (1 - disk.free / disk.total))
