"""Run tests in a tree that is in place, and read their report."""

import asyncio
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import empty_folders
from repository.testing.models import Recipe, TestReport
from repository.testing.run.commands import RunnerCommands, shell_limits
from repository.testing.run.project_folders import (
    add_folder,
    folders_below,
    group_by_folder,
    leave_out,
)
from repository.testing.run.reports.read import read_results
from repository.testing.run.reports.results import ReportResults, UnreadableReport
from sandbox import Sandbox, SandboxCommand, SandboxResult

MAX_OUTPUT_CHARS = 4_000
#: Exit code of pytest and of our runner when time runs out.
_INTERRUPTED = 2
_FULL_RUN_CODES = (0, 1)
#: For a project's tests if those of the others took all the time.
_MIN_SECONDS = 5.0


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
        seconds_left = self.command.timeout
        reports: list[TestReport] = []
        for folder, own_tests in group_by_folder(self.recipe.folders, tests).items():
            failure = self.environment.failed_projects.get(folder)
            if failure is not None:
                reports.append(_left_out(folder, failure))
                continue
            if reports:
                await empty_folders(self.sandbox, self.workspace, "report")
            run = _FolderRun(self, folder, max(_MIN_SECONDS, seconds_left))
            report = await run.run(own_tests, log)
            seconds_left -= report.seconds
            reports.append(report)
        if not reports:
            return nothing_run("none of the chosen tests is in a project that is tested here")
        return functools.reduce(TestReport.merge, reports)

    async def load(self, tests: Sequence[str], log: CommandLog) -> str:
        """Load tests (none: all) with pytest, without running them; return what it prints."""
        end = time.monotonic() + self.command.timeout
        output: list[str] = []
        for folder, own_tests in group_by_folder(self.recipe.folders, tests).items():
            run = _FolderRun(self, folder, max(_MIN_SECONDS, end - time.monotonic()))
            output.append(await run.load(own_tests, log))
        return "\n".join(output)


def nothing_run(reason: str) -> TestReport:
    """Return the report of a run without any test, with the reason as its output."""
    return TestReport(
        results={}, completed=False, failures={}, output=reason, seconds=0.0, log_key=""
    )


@dataclass(frozen=True)
class _FolderRun:
    """A run of the tests of one project."""

    runner: TreeRunner
    folder: str
    seconds: float

    async def run(self, tests: Sequence[str], log: CommandLog) -> TestReport:
        results, last = await self._run_until_report(tests, log)
        results = leave_out(results, self._tested_below)
        return _report_of(add_folder(results, self.folder), last, log.text)

    async def load(self, tests: Sequence[str], log: CommandLog) -> str:
        argv = self._commands(tests).load_line()
        result = await log.run_logged(self.runner.sandbox, replace(self._command(), argv=argv))
        return result.output

    async def _run_until_report(
        self, tests: Sequence[str], log: CommandLog
    ) -> tuple[ReportResults, SandboxResult]:
        """Try the runner's command lines in turn until one produces a readable report.

        All of them together get the time of one run, and the result has what they took.
        """
        used = 0.0
        report = self.runner.workspace / "report"
        sandbox = self.runner.sandbox
        folder = sandbox.path_inside(self.runner.workspace) / "tree" / self.folder
        result = SandboxResult(0, "", False, 0.0)
        for number in range(len(self._commands(tests).command_lines())):
            attempt = replace(self, seconds=max(_MIN_SECONDS, self.seconds - used))
            argv = attempt._commands(tests).command_lines()[number]
            result = await log.run_logged(sandbox, replace(attempt._command(), argv=argv))
            used += result.seconds
            result = replace(result, seconds=used)
            try:
                results = await asyncio.to_thread(
                    read_results, self.runner.recipe.runner, report, folder, result.output
                )
            except UnreadableReport as error:
                log.note(f"[{error}]")
                if result.timed_out:
                    break
            else:
                return results, result
        return ReportResults({}, {}), result

    def _commands(self, tests: Sequence[str]) -> RunnerCommands:
        recipe = self.runner.recipe
        return RunnerCommands(
            recipe=recipe,
            python=self._python,
            workspace=self.runner.workspace,
            tests=tests,
            seconds=self.seconds,
            other_projects=folders_below(recipe.folders, self.folder),
            folder=self.folder,
        )

    def _command(self) -> SandboxCommand:
        """Return what the tests may do; the arguments are still those of the caller."""
        command = self.runner.command
        limits = {} if self._python else shell_limits(self.runner.workspace, self.seconds)
        return replace(
            command,
            cwd=command.cwd / self.folder,
            environment={**command.environment, **limits},
            timeout=self.seconds,
        )

    @property
    def _tested_below(self) -> list[str]:
        """The folders below this one whose tests have a run of their own."""
        failed = self.runner.environment.failed_projects
        tested = [folder for folder in self.runner.recipe.folders if folder not in failed]
        return folders_below(tested, self.folder)

    @property
    def _python(self) -> Path | None:
        return self.runner.environment.python(self.runner.workspace)


def _left_out(folder: str, failure: str) -> TestReport:
    """Return the report on a project that could not be built."""
    return TestReport(
        results={},
        completed=False,
        failures={},
        output=failure,
        left_out={folder: failure},
        seconds=0.0,
        log_key="",
    )


def _report_of(results: ReportResults, last: SandboxResult, log: str) -> TestReport:
    report = TestReport(
        results=results.statuses,
        failures=results.failures,
        skip_reasons=results.skip_reasons,
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
