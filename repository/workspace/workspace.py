"""The workspace of one run: a tree, a home and a temporary folder that last from command to
command.
"""

from collections.abc import Sequence
from pathlib import Path

from repository.testing.models import TestReport
from repository.testing.run.bed import SaveArtifact
from repository.workspace.models import (
    CommandOutput,
    TreeChanges,
    WorkspaceFacts,
    WorkspaceSource,
)
from sandbox import Sandbox


class Workspace:
    """A model's own copy of the repository and of the environment.

    Everything in it is hostile: what commands leave behind reaches neither this process nor the
    test bed. Operations wait for each other.
    """

    facts: WorkspaceFacts

    @classmethod
    async def open(
        cls, sandbox: Sandbox, folder: Path, source: WorkspaceSource, *, save: SaveArtifact
    ) -> "Workspace":
        """Open the workspace in a run's folder; it is built if there is none yet.

        ``save`` stores the logs of test runs.

        Raises:
            OSError: the sandbox or the disk refused; the run can be tried again.
        """
        raise NotImplementedError

    async def run(self, command: str, *, seconds: float) -> CommandOutput:
        """Run a command with ``bash -c`` in the tree.

        Raises:
            OSError: as ``open``.
        """
        raise NotImplementedError

    async def read(self, path: str, *, limit: int) -> bytes:
        """Return the bytes of a file.

        Args:
            path: relative to the tree, or absolute in the workspace.
            limit: maximum size in bytes.

        Raises:
            FileNotFoundError: there is no such file.
            IsADirectoryError: it is a folder.
            ValueError: it is too large, or not a regular file.
        """
        raise NotImplementedError

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, with the folders above it; an existing file keeps its mode.

        Raises:
            ValueError: it can't be written; the message says why.
        """
        raise NotImplementedError

    async def list(self, path: str) -> list[str]:
        """Return the names in a folder, two levels deep; a folder's name ends with a slash.

        Raises:
            FileNotFoundError: there is no such folder.
            NotADirectoryError: it is a file.
        """
        raise NotImplementedError

    async def run_tests(self, tests: Sequence[str], *, label: str, seconds: float) -> TestReport:
        """Run test files, folders or node ids (none: the whole suite) in the workspace's tree.

        ``label`` names the log among the run's artifacts.
        """
        raise NotImplementedError

    async def changes(self) -> TreeChanges:
        """Return the difference of the tree from the base commit, without ignored files."""
        raise NotImplementedError

    async def snapshot(self) -> bytes:
        """Return everything that changed since the last snapshot, to be restored elsewhere."""
        raise NotImplementedError

    async def restore(self, snapshots: Sequence[bytes]) -> tuple[str, ...]:
        """Bring the workspace to the state after these snapshots, from the first to the last.

        Nothing is done if it is in that state already; no snapshots means a fresh workspace.

        Returns:
            Sentences about what could not be brought back.
        """
        raise NotImplementedError
