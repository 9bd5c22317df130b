"""The change as it would be handed in: the workspace's difference from the base commit, held
against the policy, without by-products and scratch files.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from repository.edits.apply_files import AppliedFiles, NewFile, apply_files
from repository.edits.editable_files import EditableFiles
from repository.files import is_test_file, name_of
from repository.workspace import TreeChanges, Workspace
from stages.propose_patch.results import ProposedFile, ProposedFiles
from stages.propose_patch.task import Task

#: What programs leave behind when they are run; it is left out without a word.
_BY_PRODUCTS = (
    "__pycache__",
    "*.pyc",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".coverage",
    "*.egg-info",
    "*.orig",
    "*.rej",
    "nohup.out",
    ".DS_Store",
)
SCRATCH = "a scratch file that nothing uses"


@dataclass(frozen=True)
class HandIn:
    """A change that could be handed in."""

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
    def hash(self) -> str:
        """Identify the change."""
        return hashlib.sha256(self.tree.encode()).hexdigest()

    @property
    def paths(self) -> list[str]:
        return sorted(self.applied.files)


class HandIns:
    """Reads the change of a workspace."""

    def __init__(self, task: Task, workspace: Workspace):
        self._task = task
        self._workspace = workspace

    async def read(self) -> HandIn:
        """Return the change as it is now.

        Raises:
            EditFailed: there is none, or the policy refuses it; the message tells the model why.
        """
        changes = await self._workspace.changes()
        return await asyncio.to_thread(self._read, changes)

    async def final(self, summary: str) -> ProposedFiles:
        """Return the files to propose, without scratch files that the summary does not name.

        Raises:
            EditFailed: as ``read``.
        """
        hand_in = await self.read()
        left_out = dict(hand_in.left_out)
        for path in hand_in.scratch:
            if not _names(summary, path):
                left_out[path] = SCRATCH
        files: dict[str, ProposedFile] = {}
        for path, file in hand_in.applied.files.items():
            if path not in left_out:
                files[path] = ProposedFile(content=file.content, executable=file.executable)
        return ProposedFiles(files=files, left_out=left_out)

    def _read(self, changes: TreeChanges) -> HandIn:
        """Blocks."""
        base = self._task.base
        files: dict[str, NewFile] = {}
        for path, change in changes.files.items():
            if not is_by_product(path):
                files[path] = NewFile(change.content, change.executable)
        entries = EditableFiles.of_tree(base.mirror, base.sha)
        applied = apply_files(files, entries, base.policy)
        tree = base.mirror.write_tree(base.sha, applied.contents, applied.executable)
        left_out = {**changes.left_out, **applied.left_out}
        kept_out = {path: why for path, why in left_out.items() if not is_by_product(path)}
        unused = [path for path in _new_files(applied, entries.paths) if self._unused(path, tree)]
        scratch = [path for path in unused if self._is_scratch(path, entries.paths)]
        return HandIn(
            applied=applied,
            tree=tree,
            left_out=kept_out,
            unused=tuple(unused),
            scratch=tuple(scratch),
        )

    def _unused(self, path: str, tree: str) -> bool:
        """Whether nothing collects the file, and neither another file nor the issue names it."""
        if self._is_collected(path) or _names(self._task.issue.text, path):
            return False
        stem = name_of(path).rpartition(".")[0] or name_of(path)
        if stem == "__init__":
            return False
        lines = self._task.base.mirror.grep(tree, stem)
        return all(line.startswith(f"{path}:") for line in lines)

    def _is_collected(self, path: str) -> bool:
        recipe = self._task.suite.recipe
        patterns = recipe.patterns if recipe is not None else ("test_*.py", "*_test.py")
        return is_test_file(path, patterns) and not self._is_stray_test(path)

    def _is_stray_test(self, path: str) -> bool:
        """Whether it lies at the root, though the repository's tests do not."""
        suite = self._task.suite
        if "/" in path or suite.recipe is None:
            return False
        mirror = self._task.base.mirror
        tests = [
            entry.path
            for entry in mirror.files(self._task.base.sha)
            if is_test_file(entry.path, suite.recipe.patterns)
        ]
        return bool(tests) and all("/" in test for test in tests)

    def _is_scratch(self, path: str, paths: Iterable[str]) -> bool:
        """Whether an unused file lies where scratch files are left: at the root, or hidden."""
        folder = path.partition("/")[0]
        if "/" not in path:
            return True
        is_new_folder = not any(other.startswith(f"{folder}/") for other in paths)
        return folder.startswith(".") and is_new_folder


def is_by_product(path: str) -> bool:
    """Return whether running programs leaves such a file behind."""
    return any(fnmatchcase(part, pattern) for part in path.split("/") for pattern in _BY_PRODUCTS)


def _new_files(applied: AppliedFiles, paths: Iterable[str]) -> list[str]:
    known = set(paths)
    return [
        path
        for path, file in applied.files.items()
        if file.content is not None and path not in known
    ]


def _names(text: str, path: str) -> bool:
    return re.search(rf"(?<![\w/]){re.escape(name_of(path))}\b", text) is not None
