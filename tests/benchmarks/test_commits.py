"""Measuring a repository's own commits."""

from benchmarks.commits import describe_own_tests
from repository.testing.models import Status, TestReport


def make_report(**results: Status) -> TestReport:
    return TestReport(results=results, completed=True, failures={}, seconds=1.0, log_key="log")


def test_tests_that_fail_before_a_commit_too_do_not_show_that_it_fixes_anything() -> None:
    base = make_report(needs_network="failed", old="passed")
    own = make_report(needs_network="failed", old="passed", new="passed")
    assert describe_own_tests(own, base) == "green"
    assert describe_own_tests(make_report(new="failed"), base) == "red"
    assert describe_own_tests(make_report(), base) == "not run"
