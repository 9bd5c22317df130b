"""Execute an agent's calls: read and edit git objects, run commands and tests in the sandbox.

A call that fails is answered with an error that says what to do instead.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

from prompts.filters import clip
from repository.edits.model import EditFailed
from repository.files import is_test_file
from repository.testing.models import TestReport
from repository.testing.run.output import normalize_output
from stages.propose_patch.base_code import EditedTree
from stages.propose_patch.task import Task
from stages.propose_patch.tools import (
    Call,
    Edit,
    Open,
    Run,
    Search,
    Symbol,
    Test,
    ToolError,
    Undo,
    tool_name,
)
from stages.propose_patch.tree_view import MAX_WIDTH, TreeView

#: Characters of one result.
MAX_RESULT = 10_000
#: Characters of one test's failure.
MAX_FAILURE = 2_000
COMMAND_SECONDS = 120.0
#: Limits of calls per round; other tools are limited only by the number of steps.
MAX_CALLS = {"run": 20, "test": 10}


class Toolbox:
    """The tools during one round of a run.

    Attributes:
        edits: the current edits, oldest first.
        tree: the base commit with these edits.
        calls: number of calls of each tool.
    """

    def __init__(self, task: Task):
        self._task = task
        self._base = task.base
        self.edits: list[str] = []
        self.tree: EditedTree = task.base.tree
        self.calls: Counter[str] = Counter()
        self._view = TreeView(self._base.mirror, self.tree.sha)

    async def use(self, call: Call, place: str) -> str:
        """Execute a call and return its result, clipped.

        ``place`` names the step in the run; a result that can't be reproduced is stored under it.
        """
        try:
            self._count(tool_name(call))
            match call:
                case Run():
                    return await self._task.run.remember(place, partial(self._run, call))
                case Test():
                    return await self._task.run.remember(place, partial(self._test, call))
            return clip(await asyncio.to_thread(self._look_or_edit, call), MAX_RESULT)
        except (ToolError, EditFailed) as error:
            return f"Error: {clip(str(error), MAX_RESULT)}"

    def apply(self, edits: list[str]) -> str:
        """Replace the current edits and return the diff from the previous tree. Blocks.

        Raises:
            EditFailed: they can't be applied together; the current edits are kept.
        """
        before = self.tree
        self.tree = self._base.apply("\n\n".join(edits)) if edits else self._base.tree
        self.edits = edits
        self._view = TreeView(self._base.mirror, self.tree.sha)
        diff = self._base.mirror.diff(before.sha, self.tree.sha)
        return diff.decode(errors="replace") or "Nothing changed."

    def _count(self, name: str) -> None:
        self.calls[name] += 1
        limit = MAX_CALLS.get(name)
        if limit is not None and self.calls[name] > limit:
            raise ToolError(
                f"{name} was called {limit} times, which is the limit: submit what you have."
            )

    def _look_or_edit(self, call: Call) -> str:
        match call:
            case Search():
                return self._view.search(call)
            case Open():
                return self._view.open(call)
            case Symbol():
                return self._view.find_symbol(call)
            case Edit():
                return self.apply([*self.edits, call.body])
            case Undo() if self.edits:
                return self.apply(self.edits[:-1])
        raise ToolError("There is no edit to undo or to submit.")

    async def _run(self, call: Run) -> str:
        """Run a shell command in a copy of the tree."""
        bed = self._task.open_test_bed()
        if self._task.sandbox.name == "none":
            return _no_commands("nothing isolates them")
        if bed is None:
            return _no_commands(self._task.suite.reason)
        changes = await asyncio.to_thread(self._base.changes, self.tree)
        result = await bed.command(changes, call.body, seconds=COMMAND_SECONDS)
        output = normalize_output(result.output, self._task.run.workspace)
        lines = [line[:MAX_WIDTH] for line in output.splitlines()]
        end = f"ended with {result.returncode}"
        if result.timed_out:
            end = f"stopped after {COMMAND_SECONDS:g} s"
        return clip("\n".join(lines), MAX_RESULT) + f"\n[{end}]"

    async def _test(self, call: Test) -> str:
        """Run test files, and compare them with the base."""
        suite = self._task.suite
        bed = self._task.open_test_bed()
        if bed is None or suite.base is None:
            return f"Error: {suite.reason}."
        files = [line.strip() for line in call.body.splitlines() if line.strip()]
        try:
            await asyncio.to_thread(self._check_test_files, files, bed.recipe.patterns)
        except ToolError as error:
            return f"Error: {error}"
        changes = await asyncio.to_thread(self._base.changes, self.tree)
        report = await bed.run(changes, files or suite.tests, label="tests-agent")
        comparison = normalize_output(_compare(report, suite.base), self._task.run.workspace)
        return clip(comparison, MAX_RESULT)

    def _check_test_files(self, paths: Sequence[str], patterns: Sequence[str]) -> None:
        for path in paths:
            if path not in self._view.files:
                self._view.refuse_missing(path)
            if not is_test_file(path, patterns):
                raise ToolError(f"{path} is not a test file.")


def _no_commands(reason: str) -> str:
    return f"Error: commands can't be run here ({reason}): use search, open and symbol."


def _compare(report: TestReport, base: TestReport) -> str:
    """Describe a report: new failures first, with their output."""
    if not report.results:
        return f"The tests did not run to completion:\n{report.output}"
    fixed = len(base.red & report.green)
    parts = [
        f"{len(report.green)} tests pass, {len(report.red)} fail; {fixed} that failed before your"
        " edits pass now"
    ]
    new = sorted(report.red - base.red)
    old = sorted(report.red & base.red)
    for test in [*new, *old]:
        output = report.failures.get(test, "")[-MAX_FAILURE:]
        parts.append(f"\n{test}\n{output}")
    if not report.completed:
        parts.append(report.output)
    return "\n".join(parts)
