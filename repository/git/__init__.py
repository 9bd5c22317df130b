"""Git on bare mirrors, through plumbing commands only: no work tree is configured, and git never
runs in a folder with a repository's files.

Trees for tests are exported, and candidates are written as objects. Therefore hooks, filters and
configuration left by a hostile repository or its tests never reach our git.
"""

from repository.git.branch_names import is_branch_name
from repository.git.commands import GitCommands
from repository.git.errors import (
    DiskFull,
    GitError,
    GitRefused,
    GitUnauthorized,
    GitUnavailable,
    PushRejected,
)
from repository.git.mirror import Mirror
from repository.git.mirrors import MIN_FREE_SHARE, MirrorLimits, Mirrors
from repository.git.objects import EXECUTABLE, Entry, Identity
from repository.git.process import run_git
from repository.git.push_check import find_push_refusal

__all__ = [
    "EXECUTABLE",
    "MIN_FREE_SHARE",
    "DiskFull",
    "Entry",
    "GitCommands",
    "GitError",
    "GitRefused",
    "GitUnauthorized",
    "GitUnavailable",
    "Identity",
    "Mirror",
    "MirrorLimits",
    "Mirrors",
    "PushRejected",
    "find_push_refusal",
    "is_branch_name",
    "run_git",
]
