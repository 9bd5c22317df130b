"""The user ids of bubblewrap's sessions, and locks on the ids in use, for both backends.

A lock is held by an open file, so the kernel releases it if its process dies.
"""

import fcntl
import os
from pathlib import Path

BWRAP_USER_IDS = range(60964, 61184)
"""The users that bubblewrap runs commands as if the worker is root.

Each has a group of the same number. No Debian account has them (https://systemd.io/UIDS-GIDS/:
60578 to 61183 is unused).
"""
STATE_FOLDER = Path("/var/lib/coding-agent-sandbox")
"""The folder of the locks, which only root can write to."""


def make_state_folder() -> None:
    STATE_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)


def lock_file(uid: int) -> Path:
    return STATE_FOLDER / f"{uid}.lock"


def lock_user_id(uid: int, kind: int) -> int | None:
    """Lock a user id; closing the descriptor that is returned unlocks it.

    Args:
        uid: the user id.
        kind: ``LOCK_EX``, or ``LOCK_SH`` to share it with other holders of a shared lock.

    Returns:
        None if it is in use.
    """
    lock = os.open(lock_file(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
