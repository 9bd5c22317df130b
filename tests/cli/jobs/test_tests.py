"""``coding-agent jobs tests``: the tests before and after a change."""

from tests.cli.console import Console
from tests.stand_ins.example_runs import (
    BROKEN,
    FAILING,
    OTHER,
    at_work,
    failed,
    four_rounds,
    opened_pull_request,
)
from tests.stand_ins.runs import job


def test_a_pipe_gets_the_results_and_the_test_separated_by_tabs(console: Console) -> None:
    opened_pull_request(console.data_dir)
    result = console.run("jobs", "tests", job().id)
    assert result.stdout.splitlines() == [
        f"failed\tfailed\t{BROKEN}",
        f"absent\tpassed\t{FAILING}",
    ]
    assert result.stderr == "before: 2 passed, 1 failed; round 1: 3 ran, red to green\n"


def test_a_round_that_was_sent_back_has_its_failing_tests(console: Console) -> None:
    four_rounds(console.data_dir)
    rows = console.lines("jobs", "tests", job().id, "--round", "2", "--json")
    assert rows == [{"test": OTHER, "before": "passed", "after": "failed"}]


def test_before_any_change_is_tested_there_is_only_the_base(console: Console) -> None:
    at_work(console.data_dir)
    result = console.run("jobs", "tests", job().id)
    assert result.stdout == f"failed\tabsent\t{BROKEN}\n"
    assert result.stderr.startswith("No change has been tested yet")


def test_a_run_without_tests_says_so(console: Console) -> None:
    failed(console.data_dir)
    message = console.refused("jobs", "tests", job().id, code=1)
    assert message == "the run has not prepared any tests"
