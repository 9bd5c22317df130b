"""Conclusions from a change's test runs."""

from repository.testing.models import Status, TestReport
from repository.testing.trial import Trial


def make_report(results: dict[str, Status], *, completed: bool = True) -> TestReport:
    return TestReport(results=results, completed=completed, failures={}, seconds=1.0, log_key="log")


def make_trial(base: TestReport, after: TestReport, own: TestReport | None = None) -> Trial:
    return Trial(base, own, after, tests=(), whole_suite=True)


def test_a_report_of_many_files_that_are_not_loaded_costs_no_time() -> None:
    """A hostile repository may forge it; comparing each pair would take hours."""
    files = [f"m{number}" for number in range(30_000)]
    own = make_report({f"::{file}": "error" for file in files}, completed=False)
    after = make_report({f"{file}.{'a.' * 400}::t": "passed" for file in files})
    trial = make_trial(make_report({"old::t": "passed"}), after, own)
    assert len(trial.fixed) == len(files)
