"""The workspace of one attempt with its tools, restored to the state after the stored steps."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from repository.workspace import Workspace, WorkspaceFacts, WorkspaceSource
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.editor import Editor
from stages.propose_patch.agent.files import WorkspaceFiles
from stages.propose_patch.agent.final_calls import FinalCalls
from stages.propose_patch.agent.limits import RoundLimits
from stages.propose_patch.agent.protocol import Bash, RunTests
from stages.propose_patch.agent.steps import StepRecord
from stages.propose_patch.agent.submission import SubmissionReader
from stages.propose_patch.agent.workspace_tests import WorkspaceTests
from stages.propose_patch.agent.workspace_tools import WorkspaceTools
from stages.propose_patch.task import AttemptPlan, Task


class AttemptWorkspace:
    """The workspace of one attempt and the tools that work in it."""

    def __init__(
        self,
        task: Task,
        attempt: AttemptPlan,
        workspace: Workspace,
        paths: Sequence[str],
        limits: RoundLimits,
    ):
        """``paths`` are those of the base commit."""
        run = task.run
        files = WorkspaceFiles(workspace, task.base, paths)
        self._editor = Editor(workspace, files, paths, run.save, run.load)
        tests = WorkspaceTests(task, workspace, files, paths)
        self.submissions = SubmissionReader(task, workspace)
        self.tools = WorkspaceTools(workspace, self._editor, tests, limits.seconds_left)
        self.final_calls = FinalCalls(task, self.submissions, limits.seconds_left)
        self._run = run
        self._attempt = attempt
        self._workspace = workspace
        self._tests_run = task.suite.runnable
        self._steps: int | None = None
        """Number of steps whose changes the workspace has; None if unknown."""

    @classmethod
    async def open(
        cls, task: Task, attempt: AttemptPlan, limits: RoundLimits
    ) -> "AttemptWorkspace":
        """Open the run's workspace.

        Raises:
            OSError: the sandbox or the disk refused; the run can be tried again.
        """
        source = WorkspaceSource(
            mirror=task.base.mirror,
            base_sha=task.base.sha,
            recipe=task.suite.built_recipe,
        )
        workspace = await Workspace.open(
            task.sandbox, task.run.workspace, source, save=task.run.save
        )
        entries = await asyncio.to_thread(task.base.mirror.files, task.base.sha)
        paths = [entry.path for entry in entries]
        return cls(task, attempt, workspace, paths, limits)

    @property
    def facts(self) -> WorkspaceFacts:
        facts = self._workspace.facts
        return facts if self._tests_run else replace(facts, runner=None)

    async def restore(self, records: Sequence[StepRecord]) -> list[str]:
        """Restore the workspace to the state after these steps.

        Returns:
            The harness's sentences about what could not be restored.
        """
        if self._steps == len(records):
            return []
        snapshots: list[bytes] = []
        for record in records:
            if record.snapshot_key is not None:
                snapshots.append(await self._run.load(record.snapshot_key))
        lost = await self._workspace.restore(snapshots)
        for record in records:
            for observation in record.observations:
                self._editor.remember(observation.edited)
        self._steps = len(records)
        return [messages.lost_state(lost)] if lost else []

    async def save_snapshot(self, record: StepRecord) -> str | None:
        """Store what a step changed in the workspace; return its key, if it changed anything."""
        self._steps = record.number
        if not any(
            observation.edited or observation.tool in (Bash.name, RunTests.name)
            for observation in record.observations
        ):
            return None
        snapshot = await self._workspace.snapshot()
        if not snapshot:
            return None
        name = f"attempt-{self._attempt.number}-step-{record.number:03}.snapshot"
        return await self._run.save(name, snapshot)
