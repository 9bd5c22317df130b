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


def test_a_file_that_only_loads_with_the_change_is_fixed() -> None:
    base = make_report({"::tests.test_a": "error", "tests.test_b::t": "passed"}, completed=False)
    after = make_report({"tests.test_a::t": "passed", "tests.test_b::t": "passed"})
    assert make_trial(base, after).fixed == {"tests.test_a::t"}
    with_own_tests = make_report(after.results)
    assert not make_trial(base, after, with_own_tests).fixed


def test_unittest_names_a_file_that_does_not_load_by_its_last_part() -> None:
    own = make_report({"unittest.loader._FailedTest::test_signing": "error"}, completed=False)
    after = make_report({"hc.lib.tests.test_signing.TestCase::test_it": "passed"})
    trial = make_trial(make_report({"a::t": "passed"}), after, own)
    assert trial.fixed == {"hc.lib.tests.test_signing.TestCase::test_it"}


def test_a_suite_without_the_test_that_failed_does_not_pass() -> None:
    base = make_report({"a::t": "failed", "b::t": "passed", "b::u[0x1]": "failed"})
    after = make_report({"a::t": "skipped", "b::t": "passed", "b::u[0x2]": "passed"})
    trial = make_trial(base, after)
    assert trial.silenced == {"a::t"}
    assert not trial.suite_passes


def test_a_repetition_that_time_ended_clears_no_test_that_it_did_not_reach() -> None:
    base = make_report({"a::t": "passed", "b::t": "passed"})
    trial = make_trial(base, make_report({"a::t": "failed", "b::t": "passed"}))
    cut_short = make_report({"b::t": "passed"}, completed=False)
    assert not trial.repeat_base(cut_short).broken
    cut_short = cut_short.model_copy(update={"cut_short": True})
    assert trial.repeat_base(cut_short).broken == {"a::t"}


def test_tests_that_go_with_a_removed_file_count_as_removed_whatever_their_ids_name() -> None:
    """Go's ids name the package, not the file."""
    base = make_report({"shop/cart::TestShare": "passed", "shop/price::TestTotal": "passed"})
    without_file = make_report({"shop/price::TestTotal": "passed"})
    trial = Trial(base, without_file, without_file, tests=(), whole_suite=True, shows_removed=True)
    assert not trial.lost
    assert trial.dropped == 1
    nothing = make_report({}, completed=False)
    broken = Trial(base, without_file, nothing, tests=(), whole_suite=True, shows_removed=True)
    assert broken.lost == {"shop/price::TestTotal"}


def test_a_rewritten_test_that_passes_on_the_base_is_run_again_without_the_rest() -> None:
    base = make_report({"a::t": "passed"})
    trial = make_trial(base, base, make_report({"a::t": "failed"}))
    assert trial.fixed == trial.decided_by_own == {"a::t"}
