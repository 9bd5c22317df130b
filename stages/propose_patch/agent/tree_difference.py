"""The files of a workspace that differ from the base commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from repository.edits.apply_files import AppliedFiles, NewFile, apply_files
from repository.edits.editable_files import EditableFiles
from repository.workspace import TreeChanges
from stages.propose_patch.agent.by_products import is_by_product
from stages.propose_patch.agent.steps import Observation
from stages.propose_patch.task import Task


@dataclass(frozen=True)
class Difference:
    """The difference from the base commit, without by-products. All methods block."""

    task: Task
    entries: EditableFiles
    """The files of the base commit."""
    files: Mapping[str, NewFile]
    left_out: Mapping[str, str]
    calls: Sequence[Observation]
    """The model's calls that led to it."""

    @classmethod
    def of(cls, task: Task, changes: TreeChanges, calls: Sequence[Observation]) -> "Difference":
        entries = EditableFiles.of_tree(task.base.mirror, task.base.sha)
        files: dict[str, NewFile] = {}
        for path, change in changes.files.items():
            if path in entries.paths or not is_by_product(path, entries.paths):
                files[path] = NewFile(change.content, change.executable)
        left_out: dict[str, str] = {}
        for path, reason in changes.left_out.items():
            if not is_by_product(path, entries.paths):
                left_out[path] = reason
        return cls(task, entries, files, left_out, calls)

    def without(self, paths: Sequence[str], reason: str) -> "Difference":
        """Return the difference with these files left out."""
        files = {path: file for path, file in self.files.items() if path not in paths}
        left_out = {**self.left_out, **dict.fromkeys(paths, reason)}
        return replace(self, files=files, left_out=left_out)

    def apply(self) -> AppliedFiles:
        """Return the part that the policy permits.

        Raises:
            EditFailed: there is none.
        """
        base = self.task.base
        return apply_files(self.files, self.entries, base.policy, base.syntax)
