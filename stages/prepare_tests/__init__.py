"""How this repository is tested, an environment for it, and the results on the base commit: before anything is paid."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["passed", "failed", "error", "skipped"]


class TestReport(BaseModel):
    """Results by test id, the ids as the runner's JUnit XML tells them (``classname::name``)."""

    __test__ = False
    model_config = ConfigDict(frozen=True)

    results: dict[str, Status]
    completed: bool
    """The runner ran to its end: no time-out, no crash, no collection error."""
    failures: dict[str, str]
    """Of failed and error tests: the end of what the runner said, for the next round's prompt."""
    seconds: float
    log_key: str
    """Artifact with the runner's output."""


class Suite(BaseModel):
    """The repository's tests, as this run will run them; ``runnable`` False with the reason where it can't."""

    model_config = ConfigDict(frozen=True)

    runnable: bool
    reason: str
    """Why not runnable, or how it was decided, in a sentence."""
    runner: Literal["pytest", "unittest"] | None
    python: str | None
    """Version of the environment's interpreter, such as 3.11."""
    tests: tuple[str, ...]
    """Test files chosen, relative; empty: the whole suite."""
    whole: bool
    """``tests`` leaves nothing of the suite out."""
    base: TestReport | None
    log_key: str | None
    """Artifact with the log of how the environment was decided and built."""
