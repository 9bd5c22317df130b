"""POSIX access control lists: grant one user access to paths whose modes deny it.

The kernel has no system call for them; they are an extended attribute. Its format is in
include/uapi/linux/posix_acl_xattr.h and posix_acl.h.
"""

import fcntl
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

READ = 4
PASS_THROUGH = 1
"""The right to reach entries of a folder by name."""

_ATTRIBUTE = "system.posix_acl_access"
_VERSION = struct.pack("=I", 2)
_ENTRY = struct.Struct("=HHI")  # tag, rights, user or group

_OWNER = 0x01
_USER = 0x02
_OWNING_GROUP = 0x04
_GROUP = 0x08
_MASK = 0x10
_OTHER = 0x20
_NO_ID = 0xFFFFFFFF
_ENTRIES_OF_THE_MODE = 3

Entries = dict[tuple[int, int], int]
"""(tag, user or group) -> rights."""


@contextmanager
def granted(uid: int, paths: Iterable[Path]) -> Iterator[None]:
    """Let one user read paths and pass through the folders above them, even if the modes don't."""
    changed: list[Path] = []
    try:
        for path in dict.fromkeys(paths):
            for folder in reversed(path.parents):
                if folder not in changed and grant(uid, folder, PASS_THROUGH):
                    changed.append(folder)
            rights = READ | PASS_THROUGH if path.is_dir() else READ
            if path not in changed and grant(uid, path, rights):
                changed.append(path)
        yield
    finally:
        for path in changed:
            _set_rights(path, uid, 0)


def grant(uid: int, path: Path, rights: int) -> bool:
    """Grant one user rights to a path; return False if the mode grants them already."""
    status = path.stat()
    if status.st_uid == uid or status.st_mode & rights == rights:
        return False
    _set_rights(path, uid, rights)
    return True


def _set_rights(path: Path, uid: int, rights: int) -> None:
    """Set one user's entry in the access list of a path, or remove it if there are no rights."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Two sessions may need the same folder.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        entries = _read(descriptor)
        entries.pop((_USER, uid), None)
        if rights:
            entries[_USER, uid] = rights
        if len(entries) > _ENTRIES_OF_THE_MODE:
            _write(descriptor, entries)
        elif not rights:
            _remove(descriptor, entries)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path} is closed to the sandbox's user, and can't be opened to it by an access list:"
            f" {error}",
        ) from error
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Entries:
    """Return the access list without its mask, or the rights of the mode if there is no list."""
    try:
        packed = os.getxattr(descriptor, _ATTRIBUTE)
    except OSError:
        mode = os.fstat(descriptor).st_mode
        return {
            (_OWNER, _NO_ID): mode >> 6 & 0o7,
            (_OWNING_GROUP, _NO_ID): mode >> 3 & 0o7,
            (_OTHER, _NO_ID): mode & 0o7,
        }
    entries: Entries = {}
    for tag, rights, subject in _ENTRY.iter_unpack(packed[len(_VERSION) :]):
        if tag != _MASK:
            entries[tag, subject] = rights
    return entries


def _write(descriptor: int, entries: Entries) -> None:
    mask = 0
    for (tag, _), rights in entries.items():
        if tag in (_USER, _GROUP, _OWNING_GROUP):
            mask |= rights
    entries = {**entries, (_MASK, _NO_ID): mask}
    packed = _VERSION
    for (tag, subject), rights in sorted(entries.items()):
        packed += _ENTRY.pack(tag, rights, subject)
    os.setxattr(descriptor, _ATTRIBUTE, packed)


def _remove(descriptor: int, entries: Entries) -> None:
    """Remove the access list and restore the group's rights in the mode, which held the mask."""
    mode = os.fstat(descriptor).st_mode
    os.removexattr(descriptor, _ATTRIBUTE)
    group_rights = entries[_OWNING_GROUP, _NO_ID]
    os.fchmod(descriptor, mode & 0o7707 | group_rights << 3)
