"""A repository's tests: how they are set up, and reports of their runs."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from repository.runners import PYTHON_RUNNERS, Runner

Status = Literal["passed", "failed", "error", "skipped"]


def is_load_error(test_id: str) -> bool:
    """Whether an entry of a report stands for a file that could not be loaded."""
    return test_id.startswith(("::", "unittest.loader._FailedTest::"))


class TestReport(BaseModel):
    """Results by test id, with the ids of the runner's JUnit XML (``classname::name``)."""

    __test__ = False
    model_config = ConfigDict(frozen=True)

    results: dict[str, Status]
    completed: bool
    """The runner ran to its end: no time-out, no crash, no collection error."""
    cut_short: bool = False
    """The time was over before all tests had run: a test without a result may be unchanged."""
    failures: dict[str, str]
    """Failed or broken test -> the end of its output, for the next round's prompt."""
    output: str = ""
    """The end of the runner's output if it did not complete."""
    seconds: float
    log_key: str
    """Artifact with the runner's output."""

    def merge(self, other: "TestReport") -> "TestReport":
        """Return this report with the results of other tests on the same code."""
        return self.model_copy(
            update={
                "results": {**self.results, **other.results},
                "failures": {**self.failures, **other.failures},
                "completed": self.completed and other.completed,
                "cut_short": self.cut_short or other.cut_short,
                "seconds": self.seconds + other.seconds,
            }
        )

    @property
    def loaded(self) -> bool:
        """No file failed to load."""
        return not any(is_load_error(test) for test in self.results)

    @property
    def ran(self) -> bool:
        """At least one test ran, beside files that failed to load."""
        return any(not is_load_error(test) for test in self.results)

    @property
    def red(self) -> frozenset[str]:
        return self._with_status("failed", "error")

    @property
    def green(self) -> frozenset[str]:
        return self._with_status("passed")

    def _with_status(self, *statuses: Status) -> frozenset[str]:
        return frozenset(test for test, status in self.results.items() if status in statuses)


class BuildStep(BaseModel):
    """A shell line that fetches or builds what tests of another language need."""

    model_config = ConfigDict(frozen=True)

    command: str
    network: bool
    """It reaches the package registries."""


class Recipe(BaseModel):
    """All that another machine needs to set the same suite up again."""

    model_config = ConfigDict(frozen=True)

    repository: str
    base_sha: str
    committed_at: int
    """The base commit's time, seconds since the epoch."""
    version: str | None
    """The version for packages that ask git for theirs."""
    runner: Runner
    script: str = ""
    """With the runner ``script``: the repository's own, relative."""
    options: tuple[str, ...] = ()
    """Arguments of the script, before the tests."""
    fallback_runners: tuple[Runner, ...] = ()
    """Runners to try if the first runs nothing."""
    python: str
    """Such as 3.11; empty if the tests are not Python's."""
    packaged: bool
    """The repository is installed; False: its files are on the path as they are."""
    name: str = ""
    """The package's name, if the repository's files state it."""
    backend: str = ""
    """The module that builds the package, if pyproject.toml names it."""
    version_from_git: bool = False
    """The package asks git for its version when it is built."""
    tools: tuple[str, ...] = ()
    """Programs that must be on the machine, if the tests are not Python's."""
    steps: tuple[BuildStep, ...] = ()
    extras: tuple[str, ...]
    """Requested by the repository's configuration or automation, beside those for tests."""
    requirements: tuple[str, ...]
    modules: dict[str, str] = {}
    """Module that the tests import -> requirement that provides it, installed if it is missing."""
    offline: bool = False
    """Nothing is fetched, not even through the proxy: the repository is private, and fetching for
    private repositories is not allowed."""
    environment: dict[str, str] = {}
    """Variables for the tests, from the repository's configuration."""
    source_root: str
    """The folder of its packages: "src" or ""."""
    patterns: tuple[str, ...]
    """File names, or paths with a slash, of test files."""

    @property
    def runners(self) -> tuple[Runner, ...]:
        return (self.runner, *self.fallback_runners)

    @property
    def needs_environment(self) -> bool:
        """Whether anything is installed, beside the interpreter and its standard library."""
        if self.runner not in PYTHON_RUNNERS:
            return False
        if "pytest" in self.runners or self.packaged:
            return True
        return bool(self.requirements or self.modules)


class Suite(BaseModel):
    """The repository's tests, as this run will run them; or the reason why it can't."""

    model_config = ConfigDict(frozen=True)

    runnable: bool
    reason: str
    """Why it is not runnable, or how the runner was decided, in a sentence."""
    runner: Runner | None
    python: str | None
    """Version of the environment's interpreter, such as 3.11."""
    tests: tuple[str, ...]
    """Test files chosen, relative; empty: the whole suite."""
    whole: bool
    """``tests`` leaves nothing of the suite out."""
    base: TestReport | None
    log_key: str | None
    """Artifact with the log of how the environment was decided and built."""
    recipe: Recipe | None = None
    """None if not runnable."""
