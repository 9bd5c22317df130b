"""The watch over a session's memory and disk use, which no control group accounts for.

Memory is the private pages of its processes, plus shared pages that it may have written: once a
process unmaps a shared mapping, its pages are attributed to no process, but the machine's total
still includes them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox import MACHINE_DISK_FULL, SandboxCommand, proc
from sandbox.limits import MIN_FREE_BYTES

Exceeded = Literal["memory", "disk", "the machine's disk is full"]
"""What ends a session: a limit of its own, or ``MACHINE_DISK_FULL``."""

_MEGABYTE = 1024**2
_FORGET_AFTER = 20
"""Measurements (two seconds) after which other processes' ids are forgotten: ids are reused."""


@dataclass(frozen=True)
class WatchedSession:
    """The processes and files that count towards a session's limits."""

    uid: int
    contains: Callable[[int, str], bool]
    """Whether a process belongs to it, given its id and the text of its /proc/PID/status."""
    folders: tuple[Path, ...]
    """The folders on disk that it may fill."""
    files_in_memory: Callable[[], int]
    """Measures its files on in-memory file systems, in bytes."""


class Watch:
    """Measures one session. Must run under the session's user id, or have CAP_SYS_PTRACE."""

    def __init__(self, session: WatchedSession, command: SandboxCommand):
        self._session = session
        self._max_memory = command.memory_mb * _MEGABYTE
        self._max_disk = command.disk_mb * _MEGABYTE
        self._folders = [folder.resolve() for folder in session.folders if folder.is_dir()]
        self._other_processes: set[int] = set()
        self._measurements = 0
        self._shared_before = proc.machine_memory().shared
        self._free_before = _free_space_by_device(self._folders)

    def exceeded(self) -> Exceeded | None:
        """Measure now; return why the session must end, or None."""
        processes = self._processes()
        if self._memory_exceeded(processes):
            return "memory"
        return self._disk_exceeded(processes)

    def _memory_exceeded(self, processes: dict[int, str]) -> bool:
        machine = proc.machine_memory()
        if machine.available < MIN_FREE_BYTES:
            return True
        shared = max(0, machine.shared - self._shared_before)
        resident = 0
        for status in processes.values():
            resident += proc.resident_private_memory(status)
        if resident + shared <= self._max_memory:
            return False
        # That estimate counted pages shared by a fork in each process, and the shared memory of
        # all processes. Measure again exactly, for the session only.
        private = 0
        for pid, status in processes.items():
            private += proc.private_memory(pid, status)
        mapped = proc.shared_memory(processes)
        unlinked = proc.unlinked_files(processes, proc.SHARED_MEMORY)
        own_shared = mapped + unlinked + self._session.files_in_memory()
        return private + min(shared, own_shared) > self._max_memory

    def _disk_exceeded(self, processes: Iterable[int]) -> Exceeded | None:
        for path, free_before in self._free_before.items():
            free = proc.free_space(path)
            # Adding up file sizes is slow, so do it only if that much space is gone.
            used = free_before - free
            if used > self._max_disk and self._disk_use(processes) > self._max_disk:
                return "disk"
            if free < min(MIN_FREE_BYTES, free_before // 2):
                return MACHINE_DISK_FULL
        return None

    def _disk_use(self, processes: Iterable[int]) -> int:
        named = proc.disk_use(self._folders, self._session.uid)
        return named + proc.unlinked_files(processes, "/")

    def _processes(self) -> dict[int, str]:
        """Return id -> status for the session's processes.

        The ids of other processes are remembered for a while, since there may be many.
        """
        self._measurements += 1
        if self._measurements % _FORGET_AFTER == 0:
            self._other_processes.clear()
        processes = {}
        for pid in proc.process_ids():
            if pid in self._other_processes:
                continue
            try:
                status = proc.process_status(pid)
                if self._session.contains(pid, status):
                    processes[pid] = status
                else:
                    self._other_processes.add(pid)
            except OSError:
                continue  # it has ended
        return processes


def _free_space_by_device(folders: Iterable[Path]) -> dict[Path, int]:
    """Return folder -> free bytes, for one folder of each file system."""
    by_device = {folder.stat().st_dev: folder for folder in folders}
    return {folder: proc.free_space(folder) for folder in by_device.values()}
