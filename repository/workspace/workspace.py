"""The workspace of one run: a tree, a home and a temporary folder that last from command to
command.
"""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.models import TestReport
from repository.testing.run.bed import SaveArtifact
from repository.workspace.build import build_workspace, find_environment
from repository.workspace.changes import read_changes
from repository.workspace.commands import run_command
from repository.workspace.executor import SandboxExecutor
from repository.workspace.files import list_folder, read_file, resolve_path, write_file
from repository.workspace.folders import WorkspaceFolders
from repository.workspace.models import (
    CommandOutput,
    TreeChanges,
    WorkspaceFacts,
    WorkspaceSource,
)
from repository.workspace.repair import restore_repository
from repository.workspace.snapshots import (
    describe_left_out,
    record_files,
    restore_snapshots,
    take_snapshot,
)
from repository.workspace.state import WorkspaceState
from repository.workspace.testing import run_tests
from sandbox import Sandbox
from sandbox.environment import SYSTEM_PATH

OPTIONAL_PROGRAMS = ("rg", "ed", "patch", "tree", "file")
"""Programs that models often use, and that not every machine has."""


class Workspace:
    """A model's own copy of the repository and of the environment.

    Everything in it is hostile: what commands leave behind reaches neither this process nor the
    test bed. Operations run one at a time. All of them raise OSError if the sandbox or the disk
    fails; the run can then be retried.
    """

    def __init__(
        self,
        executor: SandboxExecutor,
        source: WorkspaceSource,
        state: WorkspaceState,
        save: SaveArtifact,
    ):
        self._executor = executor
        self._source = source
        self._folders = executor.folders
        self._state = state
        self._save = save
        self._lock = asyncio.Lock()
        self.facts = _facts(executor, state)

    @classmethod
    async def open(
        cls, sandbox: Sandbox, folder: Path, source: WorkspaceSource, *, save: SaveArtifact
    ) -> "Workspace":
        """Open the workspace in a run's folder; build it if there is none yet.

        ``save`` stores the logs of test runs.
        """
        environment = find_environment(folder, source)
        folders = WorkspaceFolders(folder)
        folders.put_back()
        executor = SandboxExecutor(sandbox, folders, environment)
        state = WorkspaceState.read(folder)
        if state is None or state.base_sha != source.base_sha:
            state = await _build(executor, source)
        return cls(executor, source, state, save)

    async def run(self, command: str, *, seconds: float) -> CommandOutput:
        """Run a command with ``bash -c`` in the tree."""
        async with self._changing():
            return await run_command(self._executor, command, seconds)

    async def resolve(self, path: str) -> str:
        """Return the path of the file or folder that a path leads to by symbolic links.

        The path is returned as it is if it has none, or leads nowhere; any other is absolute.

        Raises:
            ValueError: the path is not valid.
        """
        async with self._in_place():
            return await resolve_path(self._executor, path)

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
        async with self._in_place():
            return await read_file(self._executor, path, limit)

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, with the folders above it; an existing file keeps its mode.

        Raises:
            ValueError: it can't be written; the message says why.
        """
        async with self._changing():
            await write_file(self._executor, path, content)

    async def list(self, path: str) -> list[str]:
        """Return the names in a folder, two levels deep; a folder's name ends with a slash.

        Raises:
            FileNotFoundError: there is no such folder.
            NotADirectoryError: it is a file.
        """
        async with self._in_place():
            return await list_folder(self._executor, path)

    async def run_tests(self, tests: Sequence[str], *, label: str, seconds: float) -> TestReport:
        """Run test files, folders or node ids (none: the whole suite) in the workspace's tree.

        ``label`` names the log among the run's artifacts.

        Raises:
            TestsCantRun: there is no environment; the message says so.
        """
        log = CommandLog()
        async with self._changing():
            report = await run_tests(self._executor, tests, log, seconds)
        log_key = await self._save(f"{label}.log", log.text)
        return report.model_copy(update={"log_key": log_key})

    async def restore_repository(self) -> str | None:
        """Create the tree's ``.git`` again if it is not valid; the files stay as they are.

        Returns:
            A sentence for the model; None if nothing was done.
        """
        async with self._changing():
            return await restore_repository(self._executor)

    async def changes(self) -> TreeChanges:
        """Return the difference of the tree from the base commit, without ignored files."""
        async with self._in_place():
            return await read_changes(self._executor, self._source)

    async def snapshot(self) -> bytes:
        """Return everything that changed since the last snapshot, to be restored elsewhere.

        It is empty if nothing changed.
        """
        async with self._in_place():
            snapshot = await take_snapshot(self._executor)
        taken = (*self._state.snapshots, *_digests([snapshot]))
        self._set_state(snapshots=taken, changed=False)
        return snapshot

    async def restore(self, snapshots: Sequence[bytes]) -> tuple[str, ...]:
        """Bring the workspace to the state after these snapshots, which are in order.

        Nothing is done if it is already in that state. Without snapshots it becomes a fresh
        workspace; empty ones make no difference.

        Returns:
            Sentences about what could not be restored.
        """
        digests = _digests(snapshots)
        if self._state.snapshots == digests and not self._state.changed:
            return ()
        self._state = await _build(self._executor, self._source)
        if digests:
            self._set_state(changed=True)
            async with self._in_place():
                await restore_snapshots(self._executor, list(filter(None, snapshots)))
                await record_files(self._executor)
            self._set_state(snapshots=digests, changed=False)
        return describe_left_out(snapshots)

    @asynccontextmanager
    async def _in_place(self) -> AsyncIterator[None]:
        async with self._lock:
            with self._folders.in_place():
                yield

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        async with self._in_place():
            self._set_state(changed=True)
            yield

    def _set_state(self, **fields: object) -> None:
        self._state = self._state.model_copy(update=fields)
        self._state.write(self._folders.run)


async def _build(executor: SandboxExecutor, source: WorkspaceSource) -> WorkspaceState:
    WorkspaceState.remove(executor.folders.run)
    history = await build_workspace(executor, source)
    state = WorkspaceState(base_sha=source.base_sha, history=history)
    state.write(executor.folders.run)
    return state


def _facts(executor: SandboxExecutor, state: WorkspaceState) -> WorkspaceFacts:
    folders = executor.folders
    recipe = executor.environment.recipe if executor.environment else None
    folders_inside = WorkspaceFolders(executor.sandbox.path_inside(folders.run))
    return WorkspaceFacts(
        tree=folders_inside.tree,
        home=folders_inside.home,
        temporary=folders_inside.temporary,
        tmp_lasts=executor.sandbox.name == "bwrap",
        python=recipe.python or None if recipe else None,
        runner=recipe.runner if recipe else None,
        history=state.history,
        programs=tuple(name for name in OPTIONAL_PROGRAMS if shutil.which(name, path=SYSTEM_PATH)),
    )


def _digests(snapshots: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(hashlib.sha256(snapshot).hexdigest() for snapshot in snapshots if snapshot)
