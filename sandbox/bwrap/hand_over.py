"""Give a session's user access to the paths of its command, permanently; only root can."""

import os
from pathlib import Path

from sandbox import SandboxCommand
from sandbox.access_lists import PASS_THROUGH, READ, grant
from sandbox.ownership import change_owner
from sandbox.user_ids import BWRAP_USER_IDS


def open_paths(command: SandboxCommand, uid: int) -> None:
    """Let a user write to and read the command's paths."""
    for folder in command.writable:
        _hand_over(folder, uid)
    own = command.run_folder or command.cwd
    for path in command.readable:
        # An earlier session with another id may have written files that only their owner can read.
        if path.is_relative_to(own) and path.stat().st_uid in BWRAP_USER_IDS:
            _hand_over(path, uid)
    for path in (command.cwd, *command.readable):
        rights = READ | PASS_THROUGH if path.is_dir() else READ
        grant(uid, path, rights)


def _hand_over(folder: Path, uid: int) -> None:
    """Make a user own a folder and its contents; links are not followed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        owner = os.fstat(descriptor).st_uid
        if owner == uid:
            return
        if owner in BWRAP_USER_IDS:
            # Root's until it is complete: if this process dies before, the next one starts again.
            os.fchown(descriptor, 0, 0)
            owner = 0
        change_owner(descriptor, {owner, *BWRAP_USER_IDS}, (uid, uid))
    finally:
        os.close(descriptor)
