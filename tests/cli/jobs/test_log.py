"""``coding-agent jobs log``: the output of a run's tests."""

import pytest

from pipeline.outcome import Outcome
from stages.propose_patch.round_note import SentBack, SentBackNote
from tests.cli.console import Console
from tests.stand_ins.example_runs import at_work, failed, opened_pull_request
from tests.stand_ins.recorded_run import RecordedRun
from tests.stand_ins.runs import job


def send_back(run: RecordedRun, log: str) -> None:
    """Send the first change back, with the output of its tests."""
    returned = SentBack(
        tree=f"{1:040x}",
        patch_key=run.facts.artifacts["patch"],
        regressions=1,
        log_key=run.artifact("run_tests", "tests-1-0.log", log),
    )
    run.send_back("they fail", SentBackNote(candidates=(returned,)), seconds=1.0)


@pytest.mark.parametrize(
    ("options", "log"),
    [
        ([], "3 passed\n"),
        (["--round", "1"], "3 passed\n"),
        (["--of", "base"], "2 passed, 1 failed\n"),
        (["--of", "environment"], "$ uv venv\n"),
    ],
)
def test_each_log_can_be_printed(console: Console, options: list[str], log: str) -> None:
    opened_pull_request(console.data_dir)
    assert console.run("jobs", "log", job().id, *options).stdout == log


def test_a_change_that_was_sent_back_has_a_log(console: Console) -> None:
    run = at_work(console.data_dir)
    send_back(run, "FAILED tests/test_a.py\n")
    assert console.run("jobs", "log", job().id).stdout == "FAILED tests/test_a.py\n"
    run.finish(Outcome.NO_FIX, "the rounds are used up")
    assert console.run("jobs", "log", job().id).stdout == "FAILED tests/test_a.py\n"


def test_secrets_are_replaced(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_0123456789abcdef")
    run = at_work(console.data_dir)
    send_back(run, "token: ghp_0123456789abcdef\n")
    output = console.run("jobs", "log", job().id).stdout
    assert output.startswith("token: ")
    assert "0123456789" not in output


def test_what_a_run_does_not_have_is_said(console: Console) -> None:
    failed(console.data_dir)
    assert console.refused("jobs", "log", job().id, code=1).startswith("there is no log: ")
    message = console.refused("jobs", "log", job().id, "--of", "base", code=1)
    assert message == "the run has not prepared any tests"


def test_a_round_is_only_for_the_tests_of_a_change(console: Console) -> None:
    opened_pull_request(console.data_dir)
    message = console.refused("jobs", "log", job().id, "--of", "base", "--round", "1")
    assert "--round is for the tests with a change" in message
