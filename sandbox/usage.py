"""What a session uses of memory and disk: where there is no control group to ask, it has to be
looked at.

Memory is the private pages of its processes, and shared ones by what it could have written: the
pages of a shared mapping are in no process's account once they are unmapped from it, but the
machine's total shows them."""

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

#: Bytes of memory and disk that must stay free for everybody else; whoever runs then is ended.
_LEAST = 256 * 1024**2
MAX_FILE_BYTES = 2 * 1024**3
MAX_PROCESSES = 2048
MAX_OPEN_FILES = 4096
RLIMIT_MSGQUEUE = 12  # include/uapi/asm-generic/resource.h; the resource module has no name for it
SHM = "/dev/shm"  # noqa: S108
INTERVAL = 0.1
"""Seconds between two looks."""


class Watch:
    """Of one session's processes; must run under their user id, or have CAP_SYS_PTRACE."""

    def __init__(
        self,
        *,
        uid: int,
        memory: int,
        disk: int,
        ours: Callable[[int, str], bool],
        folders: Iterable[Path],
        in_memory: Callable[[], int],
    ):
        """``memory`` and ``disk`` in bytes; ``ours`` tells by id and /proc/PID/status; ``folders`` are those it may
        fill; ``in_memory`` gives the bytes of its files on file systems in memory."""
        self._uid = uid
        self._memory = memory
        self._disk = disk
        self._ours = ours
        self._in_memory = in_memory
        self._folders = [folder.resolve() for folder in folders if folder.is_dir()]
        self._foreign: set[int] = set()
        self._looks = 0
        self._shared_before = machine_memory()["Shmem"]
        self._free_before = {
            path: _free(path)
            for path in {path.stat().st_dev: path for path in self._folders}.values()
        }

    def exceeded(self) -> Literal["", "memory", "disk"]:
        processes = self._processes()
        if self._memory_exceeded(processes):
            return "memory"
        return "disk" if self._disk_exceeded(processes) else ""

    def _memory_exceeded(self, processes: dict[int, str]) -> bool:
        now = machine_memory()
        if now["MemAvailable"] < _LEAST:
            return True
        shared = max(0, now["Shmem"] - self._shared_before)
        if sum(_kib(status, "RssAnon:") for status in processes.values()) + shared <= self._memory:
            return False
        # After fork a page counts in each process above. Now exactly, and only what is the
        # session's:
        private = sum(_private(pid, status) for pid, status in processes.items())
        mapped = sum(_shared_mappings(processes).values()) + sum(_unlinked(processes, SHM).values())
        return private + min(shared, mapped + self._in_memory()) > self._memory

    def _disk_exceeded(self, processes: Iterable[int]) -> bool:
        for path, before in self._free_before.items():
            free = _free(path)
            if free < min(_LEAST, before // 2):
                return True
            if before - free > self._disk and self._used(processes) > self._disk:
                return True
        return False

    def _used(self, processes: Iterable[int]) -> int:
        """Bytes on disk, in files with a name and without one."""
        return blocks(self._folders, self._uid) + sum(_unlinked(processes, "/").values())

    def _processes(self) -> dict[int, str]:
        """Id -> status. Others' ids are remembered for two seconds: they may be many, and an id may
        come back.
        """
        self._looks += 1
        if self._looks % 20 == 0:
            self._foreign.clear()
        found = {}
        for name in os.listdir("/proc"):  # noqa: PTH208 - at every look, for each process
            if not name.isdigit() or (pid := int(name)) in self._foreign:
                continue
            try:
                status = Path(f"/proc/{pid}/status").read_text(errors="replace")
                if self._ours(pid, status):
                    found[pid] = status
                else:
                    self._foreign.add(pid)
            except OSError:
                continue  # it has ended
        return found


def owner(status: str) -> int:
    """The real user id in a /proc/PID/status."""
    return int(status.partition("\nUid:")[2].split(maxsplit=1)[0])


def machine_memory() -> dict[str, int]:
    """Total, available and shared memory of the machine, in bytes."""
    told = Path("/proc/meminfo").read_text()
    return {name: _kib(told, f"{name}:") for name in ("MemTotal", "MemAvailable", "Shmem")}


def blocks(paths: Iterable[Path], uid: int) -> int:
    """Bytes on disk of what a user owns below folders, as deep as it may write; of one within another, once.

    What vanishes meanwhile is passed over, and no more than that: code that makes and removes files all the time must
    not hide the large one beside them.
    """
    total = 0
    folders = [str(path) for path in paths]
    seen = set[str]()
    while folders:
        if (folder := folders.pop()) in seen:
            continue
        seen.add(folder)
        try:
            opened = os.scandir(folder)
        except OSError:
            continue
        with opened as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                total += found.st_blocks * 512 if found.st_uid == uid else 0
                if stat.S_ISDIR(found.st_mode) and (found.st_uid == uid or found.st_mode & 0o002):
                    folders.append(entry.path)
    return total


def _private(pid: int, status: str) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return _kib(status, "RssAnon:")  # ended, or hidden: then all of it counts
    return _kib(told, "Pss_Anon:" if "Pss_Anon:" in told else "Pss:") + _kib(told, "SwapPss:")


def _shared_mappings(processes: Iterable[int]) -> dict[str, int]:
    """Inode -> bytes, of memory that processes share, at its most."""
    sizes: dict[str, int] = {}
    for pid in processes:
        own: dict[str, int] = {}
        try:
            lines = Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
        except PermissionError:  # it runs a program that can't be read: it may share anything
            return {"": 1 << 62}
        except OSError:
            continue
        for line in lines:
            span, rights, _, _, inode, *name = line.split(maxsplit=5)
            if rights[3] == "s" and name and name[0].startswith(("/dev/zero", SHM)):
                start, _, end = span.partition("-")
                own[inode] = own.get(inode, 0) + int(end, 16) - int(start, 16)
        sizes |= {inode: max(size, sizes.get(inode, 0)) for inode, size in own.items()}
    return sizes


def _unlinked(processes: Iterable[int], below: str) -> dict[tuple[int, int], int]:
    """(device, inode) -> bytes, of files without a name that processes hold open."""
    found = {}
    for pid in processes:
        try:
            for path in Path(f"/proc/{pid}/fd").iterdir():
                if str(path.readlink()).startswith(below):
                    held = path.stat()
                    if held.st_nlink == 0:
                        found[held.st_dev, held.st_ino] = held.st_blocks * 512
        except OSError:
            continue
    return found


def _free(path: Path) -> int:
    told = os.statvfs(path)
    return told.f_bavail * told.f_frsize


def _kib(text: str, label: str) -> int:
    _, _, rest = text.partition(label)
    return int(rest.split(maxsplit=1)[0]) * 1024 if rest else 0
