"""The base commit, to which the model's edits are applied."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repository.edits.apply_reply import apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.line_ends import with_line_ends
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy, read_policy
from repository.edits.syntax import SyntaxChecker
from repository.git import Mirror, Mirrors
from repository.git.objects import EXECUTABLE
from repository.testing.detect.tree import Tree
from repository.testing.python_parser import RepositoryPython
from repository.text_encoding import read_text
from stages.checkout import Checkout
from stages.propose_patch.results import ProposedFile, ProposedFiles


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
    syntax: SyntaxChecker

    def apply(self, reply: str) -> EditedTree:
        """Apply all edits in a reply, by the same rules as ``apply_patch``.

        Raises:
            repository.edits.model.EditFailed: an edit can't be applied.
        """
        files = EditableFiles.of_tree(self.mirror, self.sha)
        applied = apply_reply(reply, files, self.policy, self.syntax)
        tree = self.mirror.write_tree(self.sha, applied.files, applied.executable)
        return EditedTree(
            sha=tree,
            paths=tuple(sorted(applied.files)),
            prose=applied.prose,
            notices=applied.notices,
        )

    def with_line_ends(
        self, texts: Mapping[str, str | None], created: Mapping[str, str]
    ) -> dict[str, str | None]:
        """Return the texts, those of new files with the line ends that suit the base."""
        if not created:
            return dict(texts)
        files = EditableFiles.of_tree(self.mirror, self.sha)
        return with_line_ends(texts, created, files)

    def has(self, path: str) -> bool:
        return self.read(path) is not None

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes; None if there is no regular file with that path."""
        return self.mirror.read(self.sha, path)

    def changes(self, tree: EditedTree) -> dict[str, bytes | None]:
        """Return path -> content of the changed files, None for a deleted one."""
        return {path: self.mirror.read(tree.sha, path) for path in tree.paths}

    def files_of(self, tree: str) -> ProposedFiles:
        """Return the files of a tree that differ from the base commit."""
        before = {entry.path: entry for entry in self.mirror.files(self.sha)}
        after = {entry.path: entry for entry in self.mirror.files(tree)}
        files: dict[str, ProposedFile] = {}
        for path, entry in after.items():
            if entry.is_regular and before.get(path) != entry:
                content = self.mirror.read(tree, path)
                files[path] = ProposedFile(content=content, executable=entry.mode == EXECUTABLE)
        for path in before.keys() - after.keys():
            files[path] = ProposedFile(content=None)
        return ProposedFiles(files=files)

    def diff(self, tree: EditedTree) -> bytes:
        return self.mirror.diff(self.mirror.tree_of(self.sha), tree.sha)


@dataclass(frozen=True)
class EditSettings:
    """What a deployment decides about edits."""

    protected: tuple[str, ...] = ()
    """Patterns of paths that no proposal may write."""
    pythons: tuple[Path, ...] = ()
    """Folders with interpreters, which parse what the worker's own can't."""

    def base_code(self, mirrors: Mirrors, checkout: Checkout) -> BaseCode:
        """Return the base commit of a checkout."""
        mirror = mirrors.at(checkout.repository)
        sha = checkout.base_sha
        return BaseCode(
            mirror=mirror,
            sha=sha,
            policy=read_policy(checkout.config, self.protected),
            syntax=syntax_checker(lambda: EditableFiles.of_tree(mirror, sha), self.pythons),
        )


def syntax_checker(files: Callable[[], EditableFiles], pythons: Sequence[Path]) -> SyntaxChecker:
    """Return the checker of a tree's files. ``pythons`` are folders with interpreters."""
    return SyntaxChecker(files, RepositoryPython(lambda: _tree_of(files()), pythons))


def _tree_of(files: EditableFiles) -> Tree:
    def read(path: str) -> str | None:
        try:
            data = files.read(path)
        except EditFailed:
            return None
        return None if data is None else read_text(data)

    return Tree(dict.fromkeys(files.paths, 0), read)
