"""The tests of a run: their results on the base commit, and with the chosen change."""

from dataclasses import dataclass

from console.runs.rounds import RoundReport
from console.runs.source import RunSource
from repository.testing.models import Suite
from stages.prepare_tests import PrepareTests
from stages.run_tests import Verdict


@dataclass(frozen=True)
class TestResults:
    """Names are as the runner reports them: untrusted."""

    __test__ = False

    suite: Suite | None
    """How they are run, with the results on the base; None if they were not prepared."""
    verdict: Verdict | None
    """What they say of the chosen change; None if none was chosen."""
    environment_log: str | None = None
    base_log: str | None = None
    log: str | None = None
    """The runner's output with the change."""

    @property
    def failed_before(self) -> tuple[str, ...]:
        """The tests that fail on the base commit."""
        if self.suite is None or self.suite.base is None:
            return ()
        return tuple(sorted(self.suite.base.red))

    @property
    def passed_before(self) -> int:
        """How many tests pass on the base commit."""
        if self.suite is None or self.suite.base is None:
            return 0
        return len(self.suite.base.green)


def read_test_results(source: RunSource, rounds: tuple[RoundReport, ...]) -> TestResults:
    """Return the results of the newest round that has a verdict."""
    suite = source.newest_result(PrepareTests.name, Suite)
    verdicts = [round_.verdict for round_ in rounds if round_.verdict is not None]
    verdict = verdicts[-1] if verdicts else None
    environment_key = suite.log_key if suite is not None else None
    base_key = suite.base.log_key if suite is not None and suite.base is not None else None
    log_key = verdict.log_key if verdict is not None else None
    return TestResults(
        suite=suite,
        verdict=verdict,
        environment_log=_read_log(source, environment_key),
        base_log=_read_log(source, base_key),
        log=_read_log(source, log_key),
    )


def _read_log(source: RunSource, key: str | None) -> str | None:
    return source.read_text(key) if key else None
