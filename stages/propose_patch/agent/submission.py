"""The change to submit: the workspace's difference from the base commit, as the policy permits it,
without by-products and scratch files.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from repository.edits.apply_files import AppliedFiles, NewFile, apply_files
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.files import is_test_file, name_of
from repository.workspace import TreeChanges, Workspace
from stages.propose_patch.agent.by_products import has_folder, is_by_product
from stages.propose_patch.results import ProposedFile, ProposedFiles
from stages.propose_patch.task import Task

SCRATCH = "a scratch file that nothing uses"
#: Maximum number of new files that are checked for uses, and of deleted ones compared with them.
_MAX_EXAMINED = 100


@dataclass(frozen=True)
class Submission:
    """A change that could be submitted."""

    applied: AppliedFiles
    tree: str
    """SHA of the base commit's tree with the change."""
    left_out: Mapping[str, str]
    """Path -> why it is not part of the change."""
    unused: tuple[str, ...]
    """New files that nothing refers to; they are part of the change."""
    scratch: tuple[str, ...]
    """Those of ``unused`` that are left out if the summary does not name them."""

    @property
    def paths(self) -> list[str]:
        return sorted(self.applied.files)


class SubmissionReader:
    """Reads the change of a workspace."""

    def __init__(self, task: Task, workspace: Workspace):
        self._task = task
        self._workspace = workspace

    async def read(self) -> Submission:
        """Return the change as it is now.

        Raises:
            EditFailed: there is none, or the policy refuses it; the message tells the model why.
        """
        difference = await self._read_difference()
        return await asyncio.to_thread(_submission_of, difference)

    async def final(self, summary: str) -> ProposedFiles:
        """Return the files to propose, without scratch files that the summary does not name.

        Raises:
            EditFailed: see ``read``.
        """
        difference = await self._read_difference()
        return await asyncio.to_thread(_proposed_files, difference, summary)

    async def _read_difference(self) -> "_Difference":
        changes = await self._workspace.changes()
        return await asyncio.to_thread(_Difference.of, self._task, changes)


def _submission_of(difference: "_Difference") -> Submission:
    """Return the change as it is, written as a tree. Blocks."""
    applied = difference.apply()
    base = difference.task.base
    tree = base.mirror.write_tree(base.sha, applied.contents, applied.executable)
    unused = [path for path in difference.find_unused() if path in applied.files]
    return Submission(
        applied=applied,
        tree=tree,
        left_out={**difference.left_out, **applied.left_out},
        unused=tuple(unused),
        scratch=tuple(path for path in unused if difference.is_scratch(path)),
    )


def _proposed_files(difference: "_Difference", summary: str) -> ProposedFiles:
    """Return the change without scratch files that the summary does not name. Blocks."""
    unnamed: list[str] = []
    for path in difference.find_unused():
        if difference.is_scratch(path) and not _names(summary, path):
            unnamed.append(path)
    remaining = difference.without(unnamed, SCRATCH)
    if difference.files and not remaining.files:
        raise EditFailed("Only scratch files are left.")
    applied = remaining.apply()
    files: dict[str, ProposedFile] = {}
    for path, file in applied.files.items():
        files[path] = ProposedFile(content=file.content, executable=file.executable)
    return ProposedFiles(files=files, left_out={**remaining.left_out, **applied.left_out})


@dataclass(frozen=True)
class _Difference:
    """The difference from the base commit, without by-products. All methods block."""

    task: Task
    entries: EditableFiles
    """The files of the base commit."""
    files: Mapping[str, NewFile]
    left_out: Mapping[str, str]

    @classmethod
    def of(cls, task: Task, changes: TreeChanges) -> "_Difference":
        entries = EditableFiles.of_tree(task.base.mirror, task.base.sha)
        files: dict[str, NewFile] = {}
        for path, change in changes.files.items():
            if path in entries.paths or not is_by_product(path, entries.paths):
                files[path] = NewFile(change.content, change.executable)
        left_out: dict[str, str] = {}
        for path, reason in changes.left_out.items():
            if not is_by_product(path, entries.paths):
                left_out[path] = reason
        return cls(task, entries, files, left_out)

    def without(self, paths: Sequence[str], reason: str) -> "_Difference":
        """Return the difference with these files left out."""
        files = {path: file for path, file in self.files.items() if path not in paths}
        left_out = {**self.left_out, **dict.fromkeys(paths, reason)}
        return replace(self, files=files, left_out=left_out)

    def apply(self) -> AppliedFiles:
        """Return the part that the policy permits.

        Raises:
            EditFailed: there is none.
        """
        return apply_files(self.files, self.entries, self.task.base.policy)

    def find_unused(self) -> list[str]:
        """Return the new files that nothing refers to."""
        new: list[str] = []
        for path, file in self.files.items():
            if file.content is not None and path not in self.entries.paths:
                new.append(path)
        examined = sorted(new)[:_MAX_EXAMINED]
        deleted = self._deleted_lines() if examined else []
        unused: list[str] = []
        for path in examined:
            if self._is_unused(path) and not self._is_renamed(path, deleted):
                unused.append(path)
        return unused

    def is_scratch(self, path: str) -> bool:
        """Whether an unused file lies where scratch files are left: at the root, or hidden."""
        folder = path.partition("/")[0]
        if "/" not in path:
            return True
        return folder.startswith(".") and not has_folder(self.entries.paths, folder)

    def _is_unused(self, path: str) -> bool:
        """Whether nothing collects the file, and neither another file nor the issue names it."""
        if self._is_collected(path) or _names(self.task.issue.text, path):
            return False
        stem = name_of(path).rpartition(".")[0] or name_of(path)
        if stem == "__init__" or self._is_named_in_change(path, stem):
            return False
        return not self.task.base.mirror.contains(self.task.base.sha, stem)

    def _deleted_lines(self) -> list[set[bytes]]:
        """Return the lines of each deleted file."""
        deleted = [path for path, file in self.files.items() if file.content is None]
        contents = [self.task.base.read(path) for path in deleted[:_MAX_EXAMINED]]
        return [set(content.splitlines()) for content in contents if content is not None]

    def _is_renamed(self, path: str, deleted: Sequence[set[bytes]]) -> bool:
        """Whether the file has most lines of a deleted one."""
        lines = set((self.files[path].content or b"").splitlines())
        return any(2 * len(lines & old) >= max(len(lines), len(old)) for old in deleted)

    def _is_named_in_change(self, path: str, stem: str) -> bool:
        name = stem.encode(errors="replace")
        others = [file.content for other, file in self.files.items() if other != path]
        return any(name in content for content in others if content is not None)

    def _is_collected(self, path: str) -> bool:
        recipe = self.task.suite.recipe
        patterns = recipe.patterns if recipe is not None else ("test_*.py", "*_test.py")
        if not is_test_file(path, patterns):
            return False
        tests = [other for other in self.entries.paths if is_test_file(other, patterns)]
        is_stray = "/" not in path and bool(tests) and all("/" in test for test in tests)
        return not is_stray


def _names(text: str, path: str) -> bool:
    """Whether a text names a file."""
    return re.search(rf"(?<![\w/]){re.escape(name_of(path))}\b", text) is not None
