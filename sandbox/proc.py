"""Read the state of the machine and its processes from /proc. All sizes are in bytes."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = "/dev/shm"  # noqa: S108
_UNKNOWN_SIZE = 1 << 62
"""More than any limit."""
_DISK_BLOCK = 512


@dataclass(frozen=True)
class MachineMemory:
    total: int
    available: int
    shared: int


def machine_memory() -> MachineMemory:
    text = Path("/proc/meminfo").read_text()
    return MachineMemory(
        total=_kilobytes(text, "MemTotal:"),
        available=_kilobytes(text, "MemAvailable:"),
        shared=_kilobytes(text, "Shmem:"),
    )


def process_ids() -> list[int]:
    names = os.listdir("/proc")  # noqa: PTH208 - at each measurement; Path objects would be slow
    return [int(name) for name in names if name.isdigit()]


def process_status(pid: int) -> str:
    """Return the text of /proc/PID/status; raise OSError if the process has ended."""
    return Path(f"/proc/{pid}/status").read_text(errors="replace")


def own_capabilities() -> int:
    """Return this process's effective capabilities, one bit each."""
    _, _, rest = process_status(os.getpid()).partition("\nCapEff:")
    return int(rest.split(maxsplit=1)[0], 16)


def real_user_id(status: str) -> int:
    _, _, rest = status.partition("\nUid:")
    return int(rest.split(maxsplit=1)[0])


def resident_private_memory(status: str) -> int:
    """Return the private memory of a process; pages shared by a fork count in each process."""
    return _kilobytes(status, "RssAnon:")


def private_memory(pid: int, status: str) -> int:
    """Return the private memory of a process; pages shared by a fork count proportionally."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        # It has ended, or is hidden from us: count all of it.
        return resident_private_memory(status)
    label = "Pss_Anon:" if "Pss_Anon:" in rollup else "Pss:"
    return _kilobytes(rollup, label) + _kilobytes(rollup, "SwapPss:")


def shared_memory(processes: Iterable[int]) -> int:
    """Return an upper bound of the memory in shared mappings of processes, each counted once."""
    largest: dict[str, int] = {}
    for pid in processes:
        try:
            maps = Path(f"/proc/{pid}/maps").read_text(errors="replace")
        except PermissionError:
            # It runs a program that can't be read; it could share any amount.
            return _UNKNOWN_SIZE
        except OSError:
            continue
        for inode, size in _shared_mappings(maps).items():
            largest[inode] = max(size, largest.get(inode, 0))
    return sum(largest.values())


def _shared_mappings(maps: str) -> dict[str, int]:
    """Return inode -> size for the shared memory in a /proc/PID/maps."""
    sizes: dict[str, int] = {}
    for line in maps.splitlines():
        span, rights, _offset, _device, inode, *rest = line.split(maxsplit=5)
        path = rest[0] if rest else ""
        if rights[3] != "s" or not path.startswith(("/dev/zero", SHARED_MEMORY)):
            continue
        start, _, end = span.partition("-")
        sizes[inode] = sizes.get(inode, 0) + int(end, 16) - int(start, 16)
    return sizes


def unlinked_files(processes: Iterable[int], below: str) -> int:
    """Return the disk use of unlinked files that processes hold open, each counted once."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in processes:
        try:
            for path in Path(f"/proc/{pid}/fd").iterdir():
                if not str(path.readlink()).startswith(below):
                    continue
                status = path.stat()
                if status.st_nlink == 0:
                    sizes[status.st_dev, status.st_ino] = status.st_blocks * _DISK_BLOCK
        except OSError:
            continue
    return sum(sizes.values())


def disk_use(folders: Iterable[Path], uid: int) -> int:
    """Return the disk use of a user's files below folders, in every folder the user may write to.

    A folder within another counts once. Only entries that vanish during the walk are skipped: code
    that keeps creating and removing files must not hide a large one beside them.
    """
    total = 0
    pending = [str(folder) for folder in folders]
    visited: set[str] = set()
    while pending:
        folder = pending.pop()
        if folder in visited:
            continue
        visited.add(folder)
        try:
            scan = os.scandir(folder)
        except OSError:
            continue
        with scan as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                owned = status.st_uid == uid
                if owned:
                    total += status.st_blocks * _DISK_BLOCK
                writable = owned or bool(status.st_mode & stat.S_IWOTH)
                if stat.S_ISDIR(status.st_mode) and writable:
                    pending.append(entry.path)
    return total


def free_space(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _kilobytes(text: str, label: str) -> int:
    """Return a field that /proc prints in kB, in bytes; 0 if it is missing."""
    _, _, rest = text.partition(label)
    if not rest:
        return 0
    return int(rest.split(maxsplit=1)[0]) * 1024
