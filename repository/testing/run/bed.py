"""The test bed: an environment and a tree for running tests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from repository.runners import Runner
from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import Changes, rebuild_tree
from repository.testing.models import Recipe, TestReport
from repository.testing.run.finished_tests import ReportCount, counting
from repository.testing.run.in_tree import TreeRunner, nothing_run
from repository.testing.run.rebuild import Rebuild, rebuild_extensions
from sandbox import Sandbox, SandboxCommand

#: ``await save(name, data)`` stores an artifact and returns its key.
SaveArtifact = Callable[[str, bytes | str], Awaitable[str]]


def _ignore(_number: int) -> None:
    pass


def suite_seconds(max_minutes: float) -> float:
    """Return the time limit of one test run: a fifth of ``max_minutes``, 0.5 to 10 minutes."""
    return min(600.0, max(30.0, max_minutes * 60 / 5))


@dataclass(frozen=True)
class TestBed:
    """Runs tests on the base commit with changes, each in a fresh tree."""

    __test__ = False

    sandbox: Sandbox
    workspace: Path
    recipe: Recipe
    environment: BuiltEnvironment
    seconds: float
    """Time limit of one test run."""
    save: SaveArtifact
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the tests' processes, in addition to those of the environment."""
    report_count: ReportCount = _ignore
    """Receives the number of finished tests while they run, if the runner tells it."""

    @classmethod
    def open(
        cls,
        sandbox: Sandbox,
        workspace: Path,
        recipe: Recipe,
        *,
        seconds: float,
        save: SaveArtifact,
        report_count: ReportCount = _ignore,
    ) -> "TestBed":
        """Open the environment that was built in ``workspace``.

        Raises:
            OSError: there is no environment; the run can be tried again.
        """
        environment = BuiltEnvironment.read(workspace)
        if environment is None:
            raise OSError(f"no test environment in {workspace}")
        return cls(
            sandbox=sandbox,
            workspace=workspace,
            recipe=recipe,
            environment=environment,
            seconds=seconds,
            save=save,
            report_count=report_count,
        )

    async def run(self, changes: Changes, tests: Sequence[str], *, label: str) -> TestReport:
        """Run test files (none: the whole suite) on the base commit with ``changes``.

        ``label`` names the log among the run's artifacts.

        Raises:
            OSError: the sandbox or the disk refused; the run can be tried again.
        """
        await rebuild_tree(self.sandbox, self.workspace, changes)
        existing = [path for path in tests if changes.get(path, b"") is not None]
        log = CommandLog()
        rebuild = await rebuild_extensions(
            self.sandbox, self.workspace, self.environment, changes, self._command(), log
        )
        if rebuild.errors:
            report = _without_results(rebuild)
        elif tests and not existing:
            report = nothing_run("the change removes all of the chosen tests")
        else:
            async with counting(self.workspace / "report", self.report_count):
                report = await self._tree_runner().run(existing, log)
        log_key = await self.save(f"{label}.log", log.text)
        return report.model_copy(update={"log_key": log_key, "unbuilt": rebuild.unbuilt})

    async def load(self, tests: Sequence[str], log: CommandLog) -> str:
        """Load test files of the base commit (none: all) with pytest; return what it prints.

        Raises:
            OSError: the sandbox or the disk refused; the run can be tried again.
        """
        await rebuild_tree(self.sandbox, self.workspace, {})
        return await self._tree_runner().load(tests, log)

    @property
    def folder_inside(self) -> Path:
        """Where the tests see ``workspace``."""
        return self.sandbox.path_inside(self.workspace)

    def with_runner(self, runner: Runner) -> "TestBed":
        """Return the same test bed with another of the recipe's runners."""
        return self.with_recipe(self.recipe.model_copy(update={"runner": runner}))

    def with_recipe(self, recipe: Recipe) -> "TestBed":
        """Return the same test bed with a recipe that its environment serves."""
        return replace(self, recipe=recipe)

    def _tree_runner(self) -> TreeRunner:
        return TreeRunner(
            self.sandbox, self.workspace, self.recipe, self.environment, self._command()
        )

    def with_variables(self, variables: Mapping[str, str]) -> "TestBed":
        """Return the same test bed with more variables for the tests' processes."""
        return replace(self, variables={**self.variables, **variables})

    def _command(self) -> SandboxCommand:
        """Return what the tests may do; the runner adds the arguments."""
        return SandboxCommand(
            (),
            cwd=self.workspace / "tree",
            run_folder=self.workspace,
            writable=(self.workspace / "tree", self.workspace / "report"),
            readable=self.environment.readable_in(self.workspace),
            environment={
                **self.environment.process_variables(self.workspace),
                **self.variables,
            },
            timeout=self.seconds,
        )


def _without_results(rebuild: Rebuild) -> TestReport:
    """Return the report of a change that does not compile."""
    return TestReport(
        results={},
        completed=False,
        failures={},
        output=rebuild.errors,
        seconds=rebuild.seconds,
        log_key="",
    )
