"""The change to submit: the workspace's difference from the base commit, as the policy permits it,
without by-products and scratch files.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repository.edits.apply_files import AppliedFiles
from repository.edits.model import EditFailed
from repository.workspace import Workspace
from stages.propose_patch.agent.steps import Observation
from stages.propose_patch.agent.tree_difference import Difference
from stages.propose_patch.agent.unused_files import find_unused, is_scratch, names_file
from stages.propose_patch.results import ProposedFile, ProposedFiles
from stages.propose_patch.task import Task

SCRATCH = "a scratch file that nothing uses"


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

    async def read(self, calls: Sequence[Observation]) -> Submission:
        """Return the change as it is now, after these calls.

        Raises:
            EditFailed: there is none, or the policy refuses it; the message tells the model why.
        """
        difference = await self._read_difference(calls)
        return await asyncio.to_thread(_submission_of, difference)

    async def final(self, summary: str, calls: Sequence[Observation]) -> ProposedFiles:
        """Return the files to propose, without scratch files that the summary does not name.

        Args:
            summary: that of the last ``submit``.
            calls: those up to the last review, which asked about unused files.

        Raises:
            EditFailed: see ``read``.
        """
        difference = await self._read_difference(calls)
        return await asyncio.to_thread(_proposed_files, difference, summary)

    async def _read_difference(self, calls: Sequence[Observation]) -> Difference:
        changes = await self._workspace.changes()
        return await asyncio.to_thread(Difference.of, self._task, changes, calls)


def _submission_of(difference: Difference) -> Submission:
    """Return the change as it is, written as a tree. Blocks."""
    applied = difference.apply()
    base = difference.task.base
    tree = base.mirror.write_tree(base.sha, applied.contents, applied.executable)
    unused = [path for path in find_unused(difference) if path in applied.files]
    scratch = [path for path in unused if is_scratch(path, difference)]
    return Submission(
        applied=applied,
        tree=tree,
        left_out={**difference.left_out, **applied.left_out},
        unused=tuple(unused),
        scratch=tuple(scratch),
    )


def _proposed_files(difference: Difference, summary: str) -> ProposedFiles:
    """Return the change without scratch files that the summary does not name. Blocks."""
    unnamed: list[str] = []
    for path in find_unused(difference):
        if is_scratch(path, difference) and not names_file(summary, path):
            unnamed.append(path)
    remaining = difference.without(unnamed, SCRATCH)
    if difference.files and not remaining.files:
        raise EditFailed("Only scratch files are left.")
    applied = remaining.apply()
    files: dict[str, ProposedFile] = {}
    for path, file in applied.files.items():
        files[path] = ProposedFile(content=file.content, executable=file.executable)
    return ProposedFiles(files=files, left_out={**remaining.left_out, **applied.left_out})
