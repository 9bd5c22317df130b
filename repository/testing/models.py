"""What ``prepare_tests`` gives: the suite, how it is set up, and reports of its runs."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["passed", "failed", "error", "skipped"]
Runner = Literal[
    "pytest",
    "unittest",
    "script",
    "command",
    "jest",
    "vitest",
    "mocha",
    "node:test",
    "go",
    "cargo",
    "maven",
    "gradle",
]
#: Those that a Python environment is made for.
PYTHON_RUNNERS: tuple[Runner, ...] = ("pytest", "unittest", "script", "command")


def not_loaded(test: str) -> bool:
    """Whether an entry of a report stands for a file that could not be loaded."""
    return test.startswith(("::", "unittest.loader._FailedTest::"))


class TestReport(BaseModel):
    """Results by test id, the ids as the runner's JUnit XML tells them (``classname::name``)."""

    __test__ = False
    model_config = ConfigDict(frozen=True)

    results: dict[str, Status]
    completed: bool
    """The runner ran to its end: no time-out, no crash, no collection error."""
    cut: bool = False
    """Its time was over before all tests had run: what has no result may be as it was."""
    failures: dict[str, str]
    """Of failed and error tests: the end of what the runner said, for the next round's prompt."""
    said: str = ""
    """The end of the runner's output where it did not complete."""
    seconds: float
    log_key: str
    """Artifact with the runner's output."""

    def joined(self, other: "TestReport") -> "TestReport":
        """With the results of other tests on the same code."""
        return self.model_copy(
            update={
                "results": self.results | other.results,
                "failures": self.failures | other.failures,
                "completed": self.completed and other.completed,
                "cut": self.cut or other.cut,
                "seconds": self.seconds + other.seconds,
            }
        )

    @property
    def ran(self) -> bool:
        """A test ran, and did not only fail to be loaded."""
        return not all(map(not_loaded, self.results))

    @property
    def red(self) -> frozenset[str]:
        return frozenset(
            test for test, status in self.results.items() if status in ("failed", "error")
        )

    @property
    def green(self) -> frozenset[str]:
        return frozenset(test for test, status in self.results.items() if status == "passed")


class Recipe(BaseModel):
    """All that another machine needs to set the same suite up again."""

    model_config = ConfigDict(frozen=True)

    repository: str
    base_sha: str
    committed_at: int
    version: str | None
    """What packages that ask git for their version are told."""
    runner: Runner
    script: str = ""
    """With the runner ``script``: the repository's own, relative."""
    options: tuple[str, ...] = ()
    """What the script is given before tests."""
    others: tuple[Runner, ...] = ()
    """Runners to try where the first runs nothing."""
    python: str
    """Such as 3.11; empty where the tests are not Python's."""
    packaged: bool
    """The repository is installed; False: its files are on the path as they are."""
    name: str = ""
    """The package's, where its files say it."""
    backend: str = ""
    """The module that builds it, where pyproject.toml says so."""
    asks_git: bool = False
    """For its version, when it is built."""
    tools: tuple[str, ...] = ()
    """Programs that must be on the machine, where the tests are not Python's."""
    steps: tuple[tuple[bool, str], ...] = ()
    """Then: (with the network?, shell line) to fetch and to build."""
    extras: tuple[str, ...]
    """Asked for by the repository's configuration or automation, beside those for tests."""
    requirements: tuple[str, ...]
    modules: dict[str, str] = {}
    """Module that the tests import -> what brings it, where it turns out to be missing."""
    closed: bool = False
    """Nothing is fetched for it, not even by the proxy: the repository is private, and nobody allowed it."""
    environment: dict[str, str] = {}
    """Variables for the tests, as the repository's configuration has them."""
    source_root: str
    """Where its packages lie: "src" or ""."""
    patterns: tuple[str, ...]
    """File names, or paths with a slash, of test files."""

    @property
    def needs_environment(self) -> bool:
        """False: the interpreter and its standard library are enough, and nothing is installed."""
        return self.runner in PYTHON_RUNNERS and self._installs

    @property
    def _installs(self) -> bool:
        return (
            "pytest" in (self.runner, *self.others)
            or self.packaged
            or bool(self.requirements or self.modules)
        )


class Suite(BaseModel):
    """The repository's tests, as this run will run them; ``runnable`` False with the reason where
    it can't.
    """

    model_config = ConfigDict(frozen=True)

    runnable: bool
    reason: str
    """Why not runnable, or how it was decided, in a sentence."""
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
    """None where not runnable."""
