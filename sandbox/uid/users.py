"""The user ids of sessions: each session claims one, which is cleaned up after it."""

import contextlib
import fcntl
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from sandbox.ownership import remove, sweep
from sandbox.user_ids import STATE_FOLDER, lock_user_id

USER_IDS = range(60900, 60964)
"""Each has a group of the same number. Like BWRAP_USER_IDS, they are in a range that Debian leaves
unused."""


def home_of(uid: int) -> Path:
    return STATE_FOLDER / str(uid)


def temporary_folder_of(uid: int) -> Path:
    return home_of(uid) / "tmp"


def claim_user_id(candidates: Sequence[int] = USER_IDS) -> int:
    """Lock and return a user id that no other session has.

    This process holds the lock until it ends, so that helpers on one machine don't collide.

    Raises:
        BlockingIOError: all are in use.
    """
    # Start at different ids, so that few sessions try the same one.
    offset = os.getpid()
    for step in range(len(candidates)):
        uid = candidates[(offset + step) % len(candidates)]
        if lock_user_id(uid, fcntl.LOCK_EX) is None:
            continue
        if home_of(uid).exists():  # left by a session that died with its supervisor
            _kill_all(uid)
            remove_files(uid)
        return uid
    raise BlockingIOError(f"all {len(candidates)} user ids of the sandbox are in use")


def make_home(uid: int) -> None:
    for folder in (home_of(uid), temporary_folder_of(uid)):
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, uid)


def remove_files(uid: int, keep: Sequence[int] = ()) -> None:
    """Remove the files that a user has left, so that the id can be reused.

    Args:
        uid: the user.
        keep: descriptors of folders that are handed back to the worker.
    """
    sweep(uid, keep=keep)
    try:
        temporary_folder_of(uid).rmdir()
        home_of(uid).rmdir()
    except OSError:  # something is left in it
        remove(str(home_of(uid)))


def end_processes(uid: int) -> None:
    """Kill a user's processes until this process, which adopts orphans, has no child left."""
    while _children_left():
        _kill_all(uid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def end_leftovers() -> None:
    """End and clean up sessions that were killed from outside, together with their supervisor."""
    for uid in USER_IDS:
        if home_of(uid).exists():
            with contextlib.suppress(BlockingIOError):  # it is still running
                claim_user_id((uid,))


def _kill_all(uid: int) -> None:
    killer = os.fork()
    if killer == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)  # all at once: no fork gets in between
        finally:
            os._exit(0)
    os.waitpid(killer, 0)


def _children_left() -> bool:
    """Reap the children that have ended; return whether others run."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return False
    return True
