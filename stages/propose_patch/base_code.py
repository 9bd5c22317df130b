"""The base commit, to which the model's edits are applied."""

from dataclasses import dataclass

from repository.edits.apply_reply import apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.policy import EditPolicy
from repository.git import Mirror


@dataclass(frozen=True)
class EditedTree:
    """The base commit's tree with edits."""

    sha: str
    paths: tuple[str, ...]
    """Paths of the files that the edits change."""
    prose: str = ""
    """The reply without its edits, if they were in a reply."""
    notices: tuple[str, ...] = ()
    """Sentences about the edits for the reviewer."""


@dataclass(frozen=True)
class BaseCode:
    """The base commit and the policy for edits. All methods block."""

    mirror: Mirror
    sha: str
    policy: EditPolicy
    """Rules for what a proposal may write."""

    def apply(self, reply: str) -> EditedTree:
        """Apply all edits in a reply, by the same rules as ``apply_patch``.

        Raises:
            repository.edits.model.EditFailed: an edit can't be applied.
        """
        files = EditableFiles.of_tree(self.mirror, self.sha)
        applied = apply_reply(reply, files, self.policy)
        tree = self.mirror.write_tree(self.sha, applied.files)
        return EditedTree(
            sha=tree,
            paths=tuple(sorted(applied.files)),
            prose=applied.prose,
            notices=applied.notices,
        )

    def has(self, path: str) -> bool:
        return self.read(path) is not None

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes; None if there is no regular file with that path."""
        return self.mirror.read(self.sha, path)

    def changes(self, tree: EditedTree) -> dict[str, bytes | None]:
        """Return path -> content of the changed files, None for a deleted one."""
        return {path: self.mirror.read(tree.sha, path) for path in tree.paths}

    def diff(self, tree: EditedTree) -> bytes:
        return self.mirror.diff(self.mirror.tree_of(self.sha), tree.sha)
