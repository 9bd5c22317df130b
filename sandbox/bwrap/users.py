"""The user id of a session, if the worker is root.

The kernel counts processes (RLIMIT_NPROC), pipe buffers, epoll watches and descriptors in flight by
user id, over the whole machine. Sessions of different runs have different ids, so that none can use
up what another needs. Sessions that write to the same folder at the same time share an id.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import SandboxCommand
from sandbox.user_ids import (
    BWRAP_USER_IDS,
    STATE_FOLDER,
    lock_file,
    lock_user_id,
    make_state_folder,
)


@contextmanager
def claim_user_id(command: SandboxCommand) -> Iterator[int]:
    """Claim the user id for a command's session, until the block ends.

    Ids that already own one of the command's folders are preferred, since handing over a tree takes
    time; the one that was last used for the same folder comes first.

    Raises:
        OSError: all ids are in use, or the locks can't be created.
    """
    folder = _folder_with_one_user(command)
    owners = _owners((folder, *command.writable, *command.readable))
    digest = hashlib.sha256(os.fsencode(folder)).digest()
    last_used = [uid for uid in owners if _was_last_used_for(digest, uid)]
    uid, lock = _claim([*last_used, *owners, *_rotated_ids(digest)], digest)
    try:
        yield uid
    finally:
        os.close(lock)


def _folder_with_one_user(command: SandboxCommand) -> Path:
    """Return the folder whose sessions share an id: the run's, or one that several runs share."""
    own = command.run_folder or command.cwd
    for folder in command.writable:
        if not folder.is_relative_to(own):
            return folder
    return own


def _owners(paths: Iterable[Path]) -> list[int]:
    owners = dict.fromkeys(path.lstat().st_uid for path in paths)
    return [uid for uid in owners if uid in BWRAP_USER_IDS]


def _was_last_used_for(digest: bytes, uid: int) -> bool:
    file = lock_file(uid)
    return file.exists() and file.read_bytes() == digest


def _rotated_ids(digest: bytes) -> list[int]:
    """Return all ids, beginning with the folder's own, so that few folders try the same one."""
    start = int.from_bytes(digest[:4]) % len(BWRAP_USER_IDS)
    return [*BWRAP_USER_IDS[start:], *BWRAP_USER_IDS[:start]]


def _claim(candidates: Iterable[int], digest: bytes) -> tuple[int, int]:
    """Return the first user id that is free, or in use for the same folder, and its lock."""
    with _claiming():
        for uid in candidates:
            lock = _lock(uid, digest)
            if lock is not None:
                return uid, lock
    raise BlockingIOError(f"all {len(BWRAP_USER_IDS)} user ids of the sandbox are in use")


@contextmanager
def _claiming() -> Iterator[None]:
    """Keep other processes from claiming an id meanwhile, which takes less than a millisecond."""
    make_state_folder()
    descriptor = os.open(STATE_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(uid: int, digest: bytes) -> int | None:
    """Lock a user id for a folder, whose digest is written into the lock's file."""
    lock = lock_user_id(uid, fcntl.LOCK_EX)
    if lock is not None:
        _share(lock, digest)
        return lock
    lock = lock_user_id(uid, fcntl.LOCK_SH)
    if lock is None:
        return None
    if os.pread(lock, len(digest), 0) == digest:
        return lock
    os.close(lock)
    return None


def _share(lock: int, digest: bytes) -> None:
    """Let other sessions of the folder share the lock; close it on failure."""
    try:
        os.pwrite(lock, digest, 0)
        fcntl.flock(lock, fcntl.LOCK_SH)
    except OSError:
        os.close(lock)
        raise
