"""Run tests in a tree that is in place, and read their report."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.models import Recipe, TestReport
from repository.testing.run.commands import RunnerCommands, shell_limits
from repository.testing.run.reports.read import read_results
from repository.testing.run.reports.results import ReportResults, UnreadableReport
from sandbox import Sandbox, SandboxCommand, SandboxResult

MAX_OUTPUT_CHARS = 4_000
#: Exit code of pytest and of our runner when time runs out.
_INTERRUPTED = 2
_FULL_RUN_CODES = (0, 1)


@dataclass(frozen=True)
class TreeRunner:
    """Runs tests in ``workspace / "tree"``; their report goes to the empty ``report`` beside it."""

    sandbox: Sandbox
    workspace: Path
    recipe: Recipe
    environment: BuiltEnvironment
    command: SandboxCommand
    """What the tests' processes may do, and for how long; its arguments are replaced."""

    async def run(self, tests: Sequence[str], log: CommandLog) -> TestReport:
        """Run tests (none: all); the report is without the key of its log.

        Raises:
            OSError: the sandbox refused; the run can be tried again.
        """
        results, last = await self._run_until_report(tests, log)
        return _report_of(results, last, log.text)

    async def _run_until_report(
        self, tests: Sequence[str], log: CommandLog
    ) -> tuple[ReportResults, SandboxResult]:
        """Try the runner's command lines in turn until one produces a readable report."""
        python = self.environment.python(self.workspace)
        seconds = self.command.timeout
        commands = RunnerCommands(self.recipe, python, self.workspace, tests, seconds)
        limits = {} if python else shell_limits(self.workspace, seconds)
        variables = {**self.command.environment, **limits}
        report = self.workspace / "report"
        tree = self.sandbox.path_inside(self.workspace) / "tree"
        result = SandboxResult(0, "", False, 0.0)
        for argv in commands.command_lines():
            command = replace(self.command, argv=argv, environment=variables)
            result = await log.run_logged(self.sandbox, command)
            try:
                results = await asyncio.to_thread(
                    read_results, self.recipe.runner, report, tree, result.output
                )
            except UnreadableReport as error:
                log.note(f"[{error}]")
                if result.timed_out:
                    break
            else:
                return results, result
        return ReportResults({}, {}), result


def _report_of(results: ReportResults, last: SandboxResult, log: str) -> TestReport:
    report = TestReport(
        results=results.statuses,
        failures=results.failures,
        completed=False,
        seconds=last.seconds,
        log_key="",
    )
    interrupted = last.returncode == _INTERRUPTED and report.loaded
    ended = last.returncode in _FULL_RUN_CODES
    completed = ended and report.loaded and bool(report.results)
    return report.model_copy(
        update={
            "completed": completed,
            "cut_short": last.timed_out or interrupted,
            "output": "" if completed else log[-MAX_OUTPUT_CHARS:],
        }
    )
