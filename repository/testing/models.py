"""How a repository's tests are set up, and reports of their runs."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from repository.counts import count
from repository.runners import PYTHON_RUNNERS, Runner
from repository.testing.node_project import NodeProject

ROOT_MARK = "{root}"
Status = Literal["passed", "failed", "error", "skipped"]
FROM_BEST_TO_WORST: tuple[Status, ...] = ("passed", "skipped", "failed", "error")


def count_tests(number: int) -> str:
    """Return ``1 test`` or ``N tests``."""
    return count(number, "test")


def worse(one: Status, other: Status) -> Status:
    """Return the worse of two results."""
    return max(one, other, key=FROM_BEST_TO_WORST.index)


def is_load_error(test_id: str) -> bool:
    """Whether an entry of a report stands for a file that could not be loaded."""
    place = test_id.partition("::")[0]
    return not place or place.endswith("unittest.loader._FailedTest")


class TestReport(BaseModel):
    """Results by test id; ids are those of the runner's JUnit XML (``classname::name``)."""

    __test__ = False
    model_config = ConfigDict(frozen=True)

    results: dict[str, Status]
    completed: bool
    """Whether the runner ran to completion: no time-out, crash or collection error."""
    cut_short: bool = False
    """Whether time ran out before all tests had run; a missing result then means nothing."""
    failures: dict[str, str]
    """Test that failed or had an error -> the end of its output, for the next round's prompt."""
    skip_reasons: tuple[str, ...] = ()
    """Why tests were skipped, each reason once."""
    output: str = ""
    """The end of the runner's output if it did not complete."""
    unbuilt: tuple[str, ...] = ()
    """Changed sources of extension modules that were not compiled for this run."""
    left_out: dict[str, str] = {}
    """Folder of a project whose tests can't be run -> why."""
    seconds: float
    log_key: str
    """Artifact with the runner's output."""

    def merge(self, other: "TestReport") -> "TestReport":
        """Return this report with the results of other tests on the same code.

        Of two results under one id, the worse counts.
        """
        results = dict(self.results)
        for test, status in other.results.items():
            results[test] = worse(results.get(test, status), status)
        return self.model_copy(
            update={
                "results": results,
                "failures": {**self.failures, **other.failures},
                "skip_reasons": tuple(dict.fromkeys((*self.skip_reasons, *other.skip_reasons))),
                "completed": self.completed and other.completed,
                "cut_short": self.cut_short or other.cut_short,
                "output": "\n".join(filter(None, [self.output, other.output])),
                "left_out": {**self.left_out, **other.left_out},
                "seconds": self.seconds + other.seconds,
            }
        )

    @property
    def loaded(self) -> bool:
        """Whether every file was loaded; one that skips itself as a whole was."""
        return not any(is_load_error(test) for test in self.red)

    @property
    def ran(self) -> bool:
        """Whether at least one test ran; files that failed to load don't count."""
        return any(not is_load_error(test) for test in self.results)

    @property
    def executed(self) -> frozenset[str]:
        """Tests that ran to a result, neither skipped nor in a file that failed to load."""
        return frozenset(test for test in self.red | self.green if not is_load_error(test))

    @property
    def red(self) -> frozenset[str]:
        return self._with_status("failed", "error")

    @property
    def green(self) -> frozenset[str]:
        return self._with_status("passed")

    def _with_status(self, *statuses: Status) -> frozenset[str]:
        return frozenset(test for test, status in self.results.items() if status in statuses)


class Phase(BaseModel):
    """A phase of preparing the tests."""

    model_config = ConfigDict(frozen=True)

    name: str
    seconds: float


class BuildStep(BaseModel):
    """A shell line that fetches or builds what tests in another language need."""

    model_config = ConfigDict(frozen=True)

    command: str
    network: bool
    """Whether it may reach the package registries."""
    folder: str = ""
    """The project's folder, in which it is run."""
    title: str = ""
    """What stands for a long command in logs; empty for the command itself."""
    required: bool = True
    """Whether no test can run if it fails; otherwise it only saves the tests' time."""

    def describe(self) -> str:
        """Return the command, or what stands for it, and its folder."""
        text = self.title or self.command
        return f"{text} (in {self.folder})" if self.folder else text


class Addition(BaseModel):
    """A package that no file declares; loading or running the tests showed that they need it."""

    model_config = ConfigDict(frozen=True)

    requirement: str
    reason: str
    is_guess: bool = False
    """Whether nothing but a module's name speaks for it: then it is only installed as a wheel."""


class Recipe(BaseModel):
    """Everything that another machine needs to set up the same suite."""

    model_config = ConfigDict(frozen=True)

    repository: str
    base_sha: str
    committed_at: int
    """The base commit's time, in seconds since the epoch."""
    version: str | None = None
    """The version of a package that asks git for it."""
    runner: Runner
    script: str = ""
    """For the runner ``script``: the relative path of the repository's script."""
    options: tuple[str, ...] = ()
    """Arguments of the script, or of ``go test`` and ``cargo test``, before the tests."""
    fallback_runners: tuple[Runner, ...] = ()
    """Runners to try if the first one runs no test."""
    python: str = ""
    """Such as 3.11; empty if the tests are not Python's."""
    packaged: bool = False
    """Whether the repository is installed; if not, its files are put on the path."""
    name: str = ""
    """The package's name, if the repository's files state it."""
    backend: str = ""
    """The module that builds the package, if pyproject.toml names it."""
    build_requirements: tuple[str, ...] = ()
    """What the package's build declares or imports."""
    announced_version: str = ""
    """The version that the package's files state; empty if they state none."""
    version_from_git: bool = False
    """Whether the package asks git for its version when it is built."""
    tools: tuple[str, ...] = ()
    """Programs that must be on the machine, if the tests are not Python's."""
    tool_versions: dict[str, str] = {}
    """Program -> the version that the repository asks for, in a wrapper or toolchain file."""
    steps: tuple[BuildStep, ...] = ()
    extras: tuple[str, ...] = ()
    """Extras that the configuration or automation requests, in addition to those for tests."""
    dependencies: tuple[str, ...] = ()
    """The package's run-time requirements as its files state them; they are installed if the
    package can't be."""
    requirements: tuple[str, ...] = ()
    modules: dict[str, str] = {}
    """Module that the tests import -> requirement that provides it, to install if it is missing."""
    packages: Literal["month", "day", "later"] = "month"
    """Whether packages are as of the end of the commit's month, of its day, or of a year later."""
    additions: tuple[Addition, ...] = ()
    tolerated_warnings: tuple[str, ...] = ()
    """Classes of warnings that pytest shows although the repository's configuration turns them
    into errors, because packages of the commit's time raise them."""
    offline: bool = False
    """Whether nothing may be fetched, not even through the proxy: the repository is private, and
    fetching for private repositories is not allowed."""
    environment: dict[str, str] = {}
    """Variables for the tests, as the repository's files set them. ROOT_MARK in a value is the
    project's folder."""
    source_root: str = ""
    """The folder of its packages, relative to the repository's root: "src" or ""."""
    patterns: tuple[str, ...] = ()
    """File names, or paths with a slash, of test files."""
    project: str = ""
    """The folder of the package that is installed, relative to the repository's root."""
    siblings: tuple[str, ...] = ()
    """Folders of the repository's other packages that are installed with it."""
    own_packages: tuple[str, ...] = ()
    """Normalized names of the repository's packages, which are never installed from an index; empty
    if its root is its only project."""
    import_folders: tuple[str, ...] = ()
    """Folders of tested projects that are not installed: their modules are found on the path."""
    folders: tuple[str, ...] = ("",)
    """Folders of the projects whose tests are run, relative to the repository's root, which is "".
    A test belongs to the deepest of them that contains it, and runs with it as working directory.
    """

    node_projects: tuple[NodeProject, ...] = ()
    """For JavaScript and TypeScript: the packages whose tests are run, and those to build first."""

    @property
    def runners(self) -> tuple[Runner, ...]:
        return (self.runner, *self.fallback_runners)

    @property
    def needs_environment(self) -> bool:
        """Whether anything but the interpreter and its standard library is needed."""
        if self.runner not in PYTHON_RUNNERS:
            return False
        if "pytest" in self.runners or self.packaged or self.siblings:
            return True
        return bool(self.requirements or self.dependencies or self.modules)


class Suite(BaseModel):
    """The repository's tests as this run will run them, or the reason why it can't."""

    model_config = ConfigDict(frozen=True)

    runnable: bool
    reason: str
    """Why it is not runnable, or how the runner was chosen, in a sentence."""
    runner: Runner | None
    python: str | None
    """Version of the environment's interpreter, such as 3.11."""
    tests: tuple[str, ...]
    """Relative paths of the chosen test files; empty for the whole suite."""
    whole: bool
    """Whether nothing of the suite is left out."""
    base: TestReport | None
    log_key: str | None
    """Artifact with the log of building the environment."""
    recipe: Recipe | None = None
    """None if there is nothing to run."""
    phases: tuple[Phase, ...] = ()
    """How long preparing it took: environment, loading, runs on the base."""
    environment_built: bool = False
    """Whether an environment was built from the recipe, although the suite is not runnable."""

    @property
    def built_recipe(self) -> Recipe | None:
        """The recipe of the environment that was built, even if no test runs in it."""
        return self.recipe if self.runnable or self.environment_built else None
