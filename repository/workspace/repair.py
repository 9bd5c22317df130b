"""Create a tree's ``.git`` again if a command left none that is valid."""

import stat
from pathlib import Path

from repository.workspace.executor import SandboxExecutor
from repository.workspace.failures import explain_failure

_STILL_VALID = 10
_RESTORED = (
    "The command left no valid `.git` in the tree. It was created again, with the history up to the"
    " base commit and nothing staged; the files are as the command left them, and `git checkout --"
    " PATH` restores them from the base commit. Commits, branches and stashes of your own are gone."
)
_NOT_RESTORED = "The command left no valid `.git` in the tree, and it can't be created again: "


async def restore_repository(executor: SandboxExecutor) -> str | None:
    """Create the tree's ``.git`` again if it is not valid; the workspace must be in place.

    Returns:
        A sentence for the model; None if the repository is valid.
    """
    folders = executor.folders
    if _looks_valid(folders.tree / ".git"):
        return None
    sources = (folders.seed, folders.base_record)
    result = await executor.write_with("restore_repository.sh", *sources, readable=sources)
    if result.returncode == _STILL_VALID:
        return None
    if result.returncode != 0:
        return f"{_NOT_RESTORED}{explain_failure(result)}."
    return _RESTORED


def _looks_valid(repository: Path) -> bool:
    """Return whether a folder has what git requires of a repository, without following links.

    See gitrepository-layout(5). A link, or a file that names another folder, may be valid, too.
    """
    try:
        # The repository itself first: if it is a link, its parts are elsewhere on this machine.
        for folder in (repository, repository / "objects", repository / "refs"):
            if not stat.S_ISDIR(folder.lstat().st_mode):
                return False
        return (repository / "HEAD").lstat().st_size > 0
    except OSError:
        return False
