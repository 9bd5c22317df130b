"""Who owns what, before and after a session: folders handed over and back, shared folders swept,
paths opened to one user by access lists. All of it runs as root over trees that hostile code has
made, while none of that code runs: no link is ever followed, and a tree too deep to walk is
removed."""

import errno
import fcntl
import os
import shutil
import stat
import struct
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: Written by everybody, in a container as on any machine.
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")  # noqa: S108
BWRAP_UID = 60999
"""Whom bubblewrap runs code as, where the worker is root: no account of Debian's has it
(https://systemd.io/UIDS-GIDS/: 60578 to 61183 is unused)."""
_DEPTH = 150
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_ACL = "system.posix_acl_access"  # include/uapi/linux/posix_acl_xattr.h
_USER_OBJ = 1
_USER = 2
_GROUP_OBJ = 4
_MASK = 16
_OTHER = 32
_NOBODY = 0xFFFFFFFF


def change_owner(
    folder: int, old: Collection[int], new: tuple[int, int], *, back: bool = False, depth: int = 0
) -> None:
    """Give what users ``old`` own below an open folder to ``new`` (user, group), and the folder itself.

    On the way to a session, a file with several names is left alone: one of them may lie elsewhere. On the way
    ``back`` everybody gets the owner's rights to read, for the next session has another user; who gets so far, the
    folders above decide.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                if found.st_uid in (*old, new[0]):
                    if depth == _DEPTH:
                        remove(entry.name, folder)
                        continue
                    inner = os.open(entry.name, _FOLDER, dir_fd=folder)
                    try:
                        change_owner(inner, old, new, back=back, depth=depth + 1)
                    finally:
                        os.close(inner)
            elif found.st_nlink > 1 and not back:
                continue
            if found.st_uid in old:
                os.chown(entry.name, *new, dir_fd=folder, follow_symlinks=False)
                if back and not stat.S_ISLNK(found.st_mode):
                    readable = (found.st_mode & 0o500) >> 3 | (found.st_mode & 0o500) >> 6
                    os.chmod(entry.name, (found.st_mode & 0o777) | readable, dir_fd=folder)
    if os.fstat(folder).st_uid in old:
        os.fchown(folder, *new)


def sweep(uid: int, folders: Iterable[str] = SHARED, *, keep: Collection[int] = ()) -> None:
    """Remove what a user owns in folders that others write in too, but for ``keep``: open folders that were given to it
    and go back."""
    kept = {(found.st_dev, found.st_ino) for found in map(os.fstat, keep)}
    for path in folders:
        try:
            folder = os.open(path, _FOLDER)
        except OSError:
            continue  # this machine has no such folder, or it is a link to another
        try:
            _sweep(folder, uid, kept, 0)
        finally:
            os.close(folder)


def _sweep(folder: int, uid: int, kept: Collection[tuple[int, int]], depth: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
                if (found.st_dev, found.st_ino) in kept:
                    continue
                if found.st_uid == uid:
                    remove(entry.name, folder)
                    continue
                if not stat.S_ISDIR(found.st_mode) or not found.st_mode & 0o002 or depth == _DEPTH:
                    continue
                inner = os.open(entry.name, _FOLDER, dir_fd=folder)
            except (FileNotFoundError, NotADirectoryError):
                # others live here too: they removed it meanwhile, or put a file or a link in its
                # place
                continue
            try:
                _sweep(inner, uid, kept, depth + 1)
            finally:
                os.close(inner)


def remove(name: str, folder: int | None = None) -> None:
    """A file or a whole tree, however deep; what is not there is no error."""
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
        try:
            shutil.rmtree(name, dir_fd=folder)
        except (
            RecursionError,
            OSError,
        ):  # deeper than Python goes, or than it has descriptors for; rm has no limit
            where = f"/proc/self/fd/{folder}/" if folder is not None else ""
            passed = () if folder is None else (folder,)
            subprocess.run(
                ["/bin/rm", "-rf", "--", where + name], pass_fds=passed, env={}, check=True
            )


@contextmanager
def opened_to(uid: int, paths: Iterable[Path]) -> Iterator[None]:
    """Let one user read some paths, and pass through the folders above them, by access lists where
    the modes don't.
    """
    given: list[Path] = []
    try:
        for path in dict.fromkeys(paths):
            for folder in [*reversed(path.parents), path]:
                if folder not in given and open_to(
                    uid, folder, 1 if folder != path else 5 if path.is_dir() else 4
                ):
                    given.append(folder)
        yield
    finally:
        for folder in given:
            _set_rights(folder, uid, 0)


def open_to(uid: int, path: Path, rights: int) -> bool:
    """Give one user rights (4 read, 1 pass through) to a path. False: the modes give them already."""
    found = path.stat()
    if found.st_uid == uid or found.st_mode & rights == rights:
        return False
    _set_rights(path, uid, rights)
    return True


def _set_rights(path: Path, uid: int, rights: int) -> None:
    """Set (0: remove) one user's entry in the access list of a path."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # two sessions may need the same folder
        mode = os.fstat(descriptor).st_mode
        try:
            packed = os.getxattr(descriptor, _ACL)
            entries = {
                (tag, who): bits
                for tag, bits, who in struct.iter_unpack("=HHI", packed[4:])
                if tag != _MASK
            }
        except OSError:
            entries = {
                (tag, _NOBODY): mode >> by & 7
                for tag, by in ((_USER_OBJ, 6), (_GROUP_OBJ, 3), (_OTHER, 0))
            }
        entries.pop((_USER, uid), None)
        if rights:
            entries[(_USER, uid)] = rights
        if len(entries) == 3:
            if not rights:
                os.removexattr(descriptor, _ACL)
                group = entries[(_GROUP_OBJ, _NOBODY)]
                os.fchmod(descriptor, mode & 0o7707 | group << 3)
            return
        mask = 0
        for (tag, _), bits in entries.items():
            mask |= bits if tag in (_USER, 8, _GROUP_OBJ) else 0
        entries[(_MASK, _NOBODY)] = mask
        packed = struct.pack("=I", 2) + b"".join(
            struct.pack("=HHI", tag, bits, who) for (tag, who), bits in sorted(entries.items())
        )
        os.setxattr(descriptor, _ACL, packed)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path} is closed to the sandbox's user, and can't be opened to it by an access list:"
            f" {error}",
        ) from error
    finally:
        os.close(descriptor)
