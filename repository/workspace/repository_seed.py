"""The repository of a workspace: history up to the base commit and nothing after it.

This process writes it, only from the mirror; the sandbox copies it into the tree.
"""

import shutil
from pathlib import Path

from repository.git import Identity, Mirror
from repository.testing.folders import make_readable
from repository.workspace.models import History

MAX_FULL_HISTORY_BYTES = 100_000_000
"""Size of a mirror's packs above which the workspace gets one commit instead of the history."""

_BASE_AUTHOR = Identity("Base commit", "base@localhost")
_CONFIG = """[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
\ttrustctime = false
[user]
\tname = Developer
\temail = developer@localhost
[gc]
\tauto = 0
"""
_OWNER_CHANGES = "[core]\n\tcheckStat = minimal\n"
"""With the ``uid`` backend each session has a different user, so git must not compare owners."""
_RAW_CONTENT = "* -text !eol -ident -filter !working-tree-encoding\n"
"""Attributes for a record: files are compared byte by byte, whatever the tree's own attributes."""


def write_seed(mirror: Mirror, base_sha: str, folder: Path, *, owner_changes: bool) -> History:
    """Write the repository and the empty record of a base commit into a new folder.

    Args:
        mirror: the repository's mirror.
        base_sha: the base commit.
        folder: where ``repository`` and ``record`` are written.
        owner_changes: whether the tree's files have a different owner in each session.

    Returns:
        How much history the repository has.
    """
    shutil.rmtree(folder, ignore_errors=True)
    config = _CONFIG + (_OWNER_CHANGES if owner_changes else "")
    history = choose_history(mirror)
    commit = base_sha if history == "full" else _single_commit(mirror, base_sha)
    repository = folder / "repository"
    _write_git_folder(repository, config)
    (repository / "refs/heads/main").write_text(f"{commit}\n")
    (repository / "objects/pack").mkdir()
    mirror.write_pack(commit, repository / "objects/pack")
    record = folder / "record"
    _write_git_folder(record, config)
    (record / "info/attributes").write_text(_RAW_CONTENT)
    make_readable(folder)
    return history


def choose_history(mirror: Mirror) -> History:
    too_large = mirror.pack_size() > MAX_FULL_HISTORY_BYTES
    incomplete = mirror.is_shallow() or mirror.is_partial()
    return "one commit" if too_large or incomplete else "full"


def _single_commit(mirror: Mirror, base_sha: str) -> str:
    """Write a commit without parents that has the files of the base commit; return its SHA."""
    tree = mirror.tree_of(base_sha)
    seconds = mirror.commit_time(base_sha)
    return mirror.commit(tree, None, "The base commit's files\n", _BASE_AUTHOR, seconds)


def _write_git_folder(folder: Path, config: str) -> None:
    for name in ("objects", "refs/heads", "info"):
        (folder / name).mkdir(parents=True)
    (folder / "config").write_text(config)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "info/exclude").write_text("")
