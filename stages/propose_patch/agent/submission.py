"""The change to submit: the workspace's difference from the base commit, as the policy permits it,
without by-products and scratch files.
"""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from repository.edits.apply_files import AppliedFiles, NewFile, apply_files
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.files import is_test_file, name_of
from repository.workspace import TreeChanges, Workspace
from stages.propose_patch.results import ProposedFile, ProposedFiles
from stages.propose_patch.task import Task

#: What programs leave behind when they run; new files of these names are left out silently.
_BY_PRODUCTS = (
    "__pycache__",
    "*.pyc",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".eggs",
    ".coverage",
    "htmlcov",
    "*.egg-info",
    "*.orig",
    "*.rej",
    "nohup.out",
    ".DS_Store",
)
#: By-products too, as folders at the root, unless the base commit has a folder of that name.
_BUILD_FOLDERS = ("build", "dist", "venv", ".venv", "env")
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
        changes = await self._workspace.changes()
        return await asyncio.to_thread(self._read, changes)

    async def final(self, summary: str) -> ProposedFiles:
        """Return the files to propose, without scratch files that the summary does not name.

        Raises:
            EditFailed: see ``read``.
        """
        changes = await self._workspace.changes()
        return await asyncio.to_thread(self._read_final, changes, summary)

    def _read(self, changes: TreeChanges) -> Submission:
        """Blocks."""
        base = self._task.base
        difference = _Difference.of(self._task, changes)
        applied = apply_files(difference.files, difference.entries, base.policy)
        tree = base.mirror.write_tree(base.sha, applied.contents, applied.executable)
        unused = [path for path in difference.find_unused() if path in applied.files]
        return Submission(
            applied=applied,
            tree=tree,
            left_out={**difference.left_out, **applied.left_out},
            unused=tuple(unused),
            scratch=tuple(path for path in unused if difference.is_scratch(path)),
        )

    def _read_final(self, changes: TreeChanges, summary: str) -> ProposedFiles:
        """Blocks."""
        difference = _Difference.of(self._task, changes)
        left_out = dict(difference.left_out)
        for path in difference.find_unused():
            if difference.is_scratch(path) and not _names(summary, path):
                left_out[path] = SCRATCH
        remaining = {path: file for path, file in difference.files.items() if path not in left_out}
        if difference.files and not remaining:
            raise EditFailed("Only scratch files are left.")
        applied = apply_files(remaining, difference.entries, self._task.base.policy)
        left_out.update(applied.left_out)
        files: dict[str, ProposedFile] = {}
        for path, file in applied.files.items():
            files[path] = ProposedFile(content=file.content, executable=file.executable)
        return ProposedFiles(files=files, left_out=left_out)


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
        return folder.startswith(".") and not _has_folder(self.entries.paths, folder)

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


def is_by_product(path: str, base_paths: Collection[str]) -> bool:
    """Return whether a new file is one that programs leave behind when they run."""
    parts = path.split("/")
    if parts[0] in _BUILD_FOLDERS and not _has_folder(base_paths, parts[0]):
        return True
    return any(fnmatchcase(part, pattern) for part in parts for pattern in _BY_PRODUCTS)


def _has_folder(paths: Collection[str], folder: str) -> bool:
    return any(path.startswith(f"{folder}/") for path in paths)


def _names(text: str, path: str) -> bool:
    """Whether a text names a file."""
    return re.search(rf"(?<![\w/]){re.escape(name_of(path))}\b", text) is not None
