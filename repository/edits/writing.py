"""A reply's edits as a tree of git objects: every edit applies, or none does. Whoever writes,
writes by this.
"""

from repository.config import ConfigError, EditRules, read_edit_rules
from repository.edits.landing import MAX_FILE_BYTES, Landed, land
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy
from repository.git import Mirror


def policy_of(config: str | None, protected: tuple[str, ...]) -> tuple[EditPolicy, tuple[str, ...]]:
    """By the repository's rules; where they can't be used, by the defaults, and what a person must
    be told.
    """
    try:
        return EditPolicy(read_edit_rules(config), protected), ()
    except ConfigError as error:
        return EditPolicy(EditRules(), protected), (
            f"{error}. The default rules for edits were used",
        )


def write_reply(
    mirror: Mirror, base_sha: str, reply: str, policy: EditPolicy
) -> tuple[str, Landed]:
    """The tree with the reply's edits, and what they are.

    Raises:
        EditFailed: it holds none, one does not apply, or the policy forbids it.
    """
    base = _Base(mirror, base_sha)
    landed = land(reply, base.read, base.entries.keys(), policy)
    return mirror.write_tree(base_sha, landed.files), landed


class _Base:
    """The files of the base commit, as far as they may be edited."""

    def __init__(self, mirror: Mirror, sha: str):
        self._mirror = mirror
        self.entries = {entry.path: entry for entry in mirror.files(sha)}
        self._folders = {
            path[:at] for path in self.entries for at, part in enumerate(path) if part == "/"
        }

    def read(self, path: str) -> bytes | None:
        """Raises EditFailed where ``path`` is no file of its own, and can't become one."""
        entry = self.entries.get(path)
        if entry is None:
            if path in self._folders:
                raise EditFailed("it is a folder")
            parents = (path[:at] for at, part in enumerate(path) if part == "/")
            if above := next((parent for parent in parents if parent in self.entries), None):
                raise EditFailed(f"{above} is not a folder")
            return None
        if entry.mode not in ("100644", "100755"):
            raise EditFailed(
                "it is a symbolic link" if entry.mode == "120000" else "it is a submodule"
            )
        if entry.size > MAX_FILE_BYTES:
            raise EditFailed(
                f"the file has {entry.size} bytes; {MAX_FILE_BYTES} at most can be edited"
            )
        return next(self._mirror.read_many([entry.sha]))
