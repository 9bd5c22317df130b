"""The test bed: an environment and a tree for running tests."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from repository.runners import Runner
from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import Changes, rebuild_tree
from repository.testing.models import Recipe, TestReport
from repository.testing.run.commands import RunnerCommands, shell_limits
from repository.testing.run.reports.read import read_results
from repository.testing.run.reports.results import ReportResults, UnreadableReport
from sandbox import Sandbox, SandboxCommand, SandboxResult

#: ``await save(name, data)`` stores an artifact and returns its key.
SaveArtifact = Callable[[str, bytes | str], Awaitable[str]]

MAX_OUTPUT_CHARS = 4_000
#: Exit code of pytest and of our runner when time runs out.
_INTERRUPTED = 2
_FULL_RUN_CODES = (0, 1)


def suite_seconds(max_minutes: float) -> float:
    """Return the time limit of one test run: a fifth of ``max_minutes``, 0.5 to 10 minutes."""
    return min(600.0, max(30.0, max_minutes * 60 / 5))


@dataclass(frozen=True)
class TestBed:
    """Runs tests and commands on the base commit with changes, each in a fresh tree."""

    __test__ = False

    sandbox: Sandbox
    workspace: Path
    recipe: Recipe
    environment: BuiltEnvironment
    seconds: float
    """Time limit of one test run."""
    save: SaveArtifact

    @classmethod
    def open(
        cls,
        sandbox: Sandbox,
        workspace: Path,
        recipe: Recipe,
        *,
        seconds: float,
        save: SaveArtifact,
    ) -> "TestBed":
        """Open the environment that was built in ``workspace``.

        Raises:
            OSError: there is no environment; the run can be tried again.
        """
        environment = BuiltEnvironment.read(workspace)
        if environment is None:
            raise OSError(f"no test environment in {workspace}")
        return cls(sandbox, workspace, recipe, environment, seconds, save)

    async def run(self, changes: Changes, tests: Sequence[str], *, label: str) -> TestReport:
        """Run test files (none: the whole suite) on the base commit with ``changes``.

        ``label`` names the log among the run's artifacts.

        Raises:
            OSError: the sandbox or the disk refused; the run can be tried again.
        """
        await rebuild_tree(self.sandbox, self.workspace, changes)
        existing = [path for path in tests if changes.get(path, b"") is not None]
        log = CommandLog()
        results, last = await self._run_until_report(existing, log)
        log_text = log.text
        report = _report_of(results, last, log_text)
        log_key = await self.save(f"{label}.log", log_text)
        return report.model_copy(update={"log_key": log_key})

    async def command(self, changes: Changes, command: str, *, seconds: float) -> SandboxResult:
        """Run a shell command in the same way as tests; the files that it writes are discarded.

        Raises:
            OSError: as ``run``.
        """
        await rebuild_tree(self.sandbox, self.workspace, changes)
        argv = ("/bin/sh", "-c", command)
        return await self.sandbox.run(self._sandbox_command(argv, seconds, {}))

    def with_runner(self, runner: Runner) -> "TestBed":
        """Return the same test bed with another of the recipe's runners."""
        recipe = self.recipe.model_copy(update={"runner": runner})
        return TestBed(
            self.sandbox, self.workspace, recipe, self.environment, self.seconds, self.save
        )

    async def _run_until_report(
        self, tests: Sequence[str], log: CommandLog
    ) -> tuple[ReportResults, SandboxResult]:
        """Try the runner's command lines in turn until one produces a readable report."""
        python = self.environment.python(self.workspace)
        commands = RunnerCommands(self.recipe, python, self.workspace, tests, self.seconds)
        variables = {} if python else shell_limits(self.workspace, self.seconds)
        result = SandboxResult(0, "", False, 0.0)
        for argv in commands.command_lines():
            command = self._sandbox_command(argv, self.seconds, variables)
            result = await log.run_logged(self.sandbox, command)
            try:
                results = await asyncio.to_thread(
                    read_results, self.recipe.runner, self.workspace, result.output
                )
            except UnreadableReport as error:
                log.note(f"[{error}]")
                if result.timed_out:
                    break
            else:
                return results, result
        return ReportResults({}, {}), result

    def _sandbox_command(
        self, argv: tuple[str, ...], seconds: float, variables: dict[str, str]
    ) -> SandboxCommand:
        environment = self.environment.process_variables(self.workspace)
        environment.update(variables)
        return SandboxCommand(
            argv,
            cwd=self.workspace / "tree",
            writable=(self.workspace / "tree", self.workspace / "report"),
            readable=self.environment.readable_in(self.workspace),
            environment=environment,
            timeout=seconds,
        )


def _report_of(results: ReportResults, last: SandboxResult, log: str) -> TestReport:
    """Return the report, without the key of its log."""
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
