"""The mirrors of one machine, and the room that they may take."""

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from repository.git.mirror import Mirror
from repository.git.process import Around

log = logging.getLogger(__name__)

MIN_FREE_SHARE = 0.1
"""Share of the disk below which mirrors that no run uses are removed."""
_MIRROR = ".git"
_IN_USE = ".use"
_REMOVED = ".removed"


@dataclass(frozen=True)
class MirrorLimits:
    """Bytes, at most."""

    repository: int | None = None
    """Of one repository: by the forge's figure before it is fetched, and of each fetch."""
    all_mirrors: int | None = None
    """Of all mirrors together, without those that runs use."""


class Mirrors:
    """A folder with one bare mirror for each repository.

    Several processes may share it. A run holds a shared lock on ``NAME.use`` while it works with
    the mirror ``NAME.git``, and the kernel releases the lock if the process dies. The time of that
    file is the mirror's last use.
    """

    def __init__(
        self,
        root: Path,
        token: Callable[[str], str | None],
        around: Around = nullcontext,
        limits: MirrorLimits = MirrorLimits(),
    ):
        """Args:
        root: the folder.
        token: returns the secret for a repository's remote, or None if none is needed.
        around: watches each command of git.
        limits: how large they may become.
        """
        self._root = root
        self._token = token
        self._around = around
        self.limits = limits

    def at(self, repository: str) -> Mirror:
        """Return the mirror of a repository; it need not exist yet."""
        folder = self._root / f"{_name_of(repository)}{_MIRROR}"
        token = self._token
        return Mirror(folder, lambda: token(repository), self._around, self.limits.repository)

    @contextmanager
    def using(self, repository: str) -> Iterator[Mirror]:
        """Provide the mirror of a repository, which is not removed while the context lasts.

        Others are removed first if there is not enough room: see ``make_room``.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        path = self._root / f"{_name_of(repository)}{_IN_USE}"
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            os.utime(path)
            self.make_room()
            yield self.at(repository)

    def make_room(self) -> None:
        """Remove mirrors that no run uses, those first whose last use is longest ago, until the
        limit and ``MIN_FREE_SHARE`` are kept or none is left.
        """
        self._finish_removals()
        sizes = {folder: _size(folder) for folder in self._root.glob(f"*{_MIRROR}")}
        for folder in sorted(sizes, key=_last_use):
            if self._has_room(sum(sizes.values())):
                return
            if self._remove(folder):
                log.info("mirror %s of %d MB was removed", folder.name, sizes[folder] // 1_000_000)
                del sizes[folder]

    def _has_room(self, used: int) -> bool:
        limit = self.limits.all_mirrors
        if limit is not None and used > limit:
            return False
        disk = shutil.disk_usage(self._root)
        return disk.free >= disk.total * MIN_FREE_SHARE

    def _remove(self, folder: Path) -> bool:
        """Remove a mirror; return False if it can't be, such as one that a run uses.

        It is renamed first, so that what a crash leaves of it is not taken for a mirror.
        """
        with folder.with_suffix(_IN_USE).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            try:
                folder.rename(folder.with_suffix(_REMOVED))
            except FileNotFoundError:  # another process has removed it
                return True
            except OSError:  # the remains of an earlier mirror are still there
                log.warning("mirror %s could not be removed", folder.name, exc_info=True)
                return False
        self._finish_removals()
        return True

    def _finish_removals(self) -> None:
        for folder in self._root.glob(f"*{_REMOVED}"):
            shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    """Return the number of bytes of a folder's files; those that vanish meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(parent) / name).lstat().st_size
    return total


def _name_of(repository: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "__", repository.lower())


def _last_use(folder: Path) -> float:
    """Return the time of a mirror's last use; an older version's mirror has only its own.

    It is 0 if another process has removed the mirror meanwhile.
    """
    for path in (folder.with_suffix(_IN_USE), folder):
        with suppress(FileNotFoundError):
            return path.stat().st_mtime
    return 0.0
