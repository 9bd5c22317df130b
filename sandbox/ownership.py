"""Ownership of files before and after a session: hand folders over and back, sweep shared ones.

All of it runs as root on trees that hostile code has made, while none of that code is running. No
link is ever followed, and a tree too deep to walk is removed.
"""

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from sandbox.user_ids import BWRAP_USER_IDS

SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")  # noqa: S108
"""Folders that are world-writable in a container as on any machine."""

_MAX_DEPTH = 150
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER_MAY_READ_OR_EXECUTE = 0o500


def change_owner(
    folder: int,
    old_owners: Collection[int],
    new_owner: tuple[int, int],
    *,
    returning: bool = False,
    depth: int = 0,
) -> None:
    """Give an open folder, and everything below it that ``old_owners`` own, to ``new_owner``.

    When a session starts, a file with several hard links is left alone: one may be elsewhere. A
    file of a ``bwrap`` session is not: each of its writable folders was a mount of its own, and the
    kernel creates no link from one mount to another, so all links are below the same folder.

    When a session ends (``returning``), everyone gets the owner's rights to read and execute,
    because the next session has another user; the folders above decide who can reach the files.

    Args:
        folder: its descriptor.
        old_owners: user ids.
        new_owner: user id and group id.
        returning: whether the session has ended.
        depth: the depth of ``folder`` below the folder that was handed over.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            owned = status.st_uid in old_owners
            if stat.S_ISDIR(status.st_mode):
                if owned or status.st_uid == new_owner[0]:
                    if depth == _MAX_DEPTH:
                        remove(entry.name, folder)
                        continue
                    with _open_folder(entry.name, folder) as inner:
                        change_owner(
                            inner, old_owners, new_owner, returning=returning, depth=depth + 1
                        )
            elif status.st_nlink > 1 and not returning and status.st_uid not in BWRAP_USER_IDS:
                continue
            if owned:
                os.chown(entry.name, *new_owner, dir_fd=folder, follow_symlinks=False)
                if returning and not stat.S_ISLNK(status.st_mode):
                    os.chmod(entry.name, _readable_by_all(status.st_mode), dir_fd=folder)
    if os.fstat(folder).st_uid in old_owners:
        os.fchown(folder, *new_owner)


@contextmanager
def _open_folder(name: str, parent: int) -> Iterator[int]:
    folder = os.open(name, _OPEN_FOLDER, dir_fd=parent)
    try:
        yield folder
    finally:
        os.close(folder)


def _readable_by_all(mode: int) -> int:
    owner_rights = mode & _OWNER_MAY_READ_OR_EXECUTE
    return (mode & 0o777) | owner_rights >> 3 | owner_rights >> 6


def sweep(uid: int, folders: Iterable[str] = SHARED_FOLDERS, *, keep: Collection[int] = ()) -> None:
    """Remove a user's files from folders that other users write to, too.

    Args:
        uid: the user.
        folders: the folders to sweep.
        keep: descriptors of folders to leave alone: they were handed over to the user and will be
            handed back.
    """
    statuses = [os.fstat(descriptor) for descriptor in keep]
    excluded = {(status.st_dev, status.st_ino) for status in statuses}
    for path in folders:
        try:
            folder = os.open(path, _OPEN_FOLDER)
        except OSError:
            continue  # this machine has no such folder, or it is a link to another
        try:
            _sweep_folder(folder, uid, excluded, depth=0)
        finally:
            os.close(folder)


def _sweep_folder(
    folder: int, uid: int, excluded: Collection[tuple[int, int]], *, depth: int
) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
                if (status.st_dev, status.st_ino) in excluded:
                    continue
                if status.st_uid == uid:
                    remove(entry.name, folder)
                    continue
                others_may_write = status.st_mode & stat.S_IWOTH
                if not stat.S_ISDIR(status.st_mode) or not others_may_write or depth == _MAX_DEPTH:
                    continue
                inner = os.open(entry.name, _OPEN_FOLDER, dir_fd=folder)
            except (FileNotFoundError, NotADirectoryError):
                # Another user removed it meanwhile, or replaced it with a file or a link.
                continue
            try:
                _sweep_folder(inner, uid, excluded, depth=depth + 1)
            finally:
                os.close(inner)


def remove(name: str, folder: int | None = None) -> None:
    """Remove a file or a whole tree, however deep; it is not an error if it is missing."""
    try:
        try:
            os.unlink(name, dir_fd=folder)
        except IsADirectoryError:
            os.rmdir(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        _remove_tree(name, folder)


def _remove_tree(name: str, folder: int | None) -> None:
    try:
        shutil.rmtree(name, dir_fd=folder)
    except (RecursionError, OSError):
        # Too deep for Python's recursion limit or the descriptor limit; rm has no such limit.
        path = name
        inherited: tuple[int, ...] = ()
        if folder is not None:
            path = f"/proc/self/fd/{folder}/{name}"
            inherited = (folder,)
        subprocess.run(["/bin/rm", "-rf", "--", path], pass_fds=inherited, env={}, check=True)
