"""``coding-agent jobs watch`` and ``submit --wait``: a run is followed until it ends."""

import json
import sqlite3
from collections.abc import Callable

import pytest

from pipeline.outcome import Outcome
from tests.cli.console import Console
from tests.stand_ins.aws import Aws
from tests.stand_ins.recorded_run import RecordedRun
from tests.stand_ins.runs import Fetched, job

OnPause = Callable[..., None]


@pytest.fixture
def run(console: Console) -> RecordedRun:
    """A run in the store that the commands open."""
    return RecordedRun(console.data_dir)


@pytest.fixture
def on_pause(monkeypatch: pytest.MonkeyPatch) -> OnPause:
    """Sets what happens in each pause between two looks at the store, in turn."""

    def set_actions(*actions: Callable[[], object]) -> None:
        left = list(actions)

        def act() -> None:
            action = left.pop(0)
            action()

        monkeypatch.setattr("cli.watching.pause", act)

    return set_actions


def interrupt() -> None:
    raise KeyboardInterrupt


def test_the_stages_and_the_result_are_printed_as_they_come(
    console: Console, run: RecordedRun, on_pause: OnPause
) -> None:
    on_pause(
        lambda: run.stage("fetch_issue", Fetched(title="t"), seconds=2.0),
        lambda: run.wait(600.0, "GitHub is down"),
        lambda: run.finish(Outcome.PR_OPENED, "pull request #7: suite passes"),
    )
    result = console.run("jobs", "watch", job().id)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["✓", "fetch_issue", "2.00", "s"]
    assert lines[1].split() == ["queue", "waits:", "GitHub", "is", "down"]
    assert "pr_opened pull request #7: suite passes" in lines


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.NO_FIX, 3), (Outcome.FAILED, 4), (Outcome.PROPOSED, 0)]
)
def test_the_exit_code_is_that_of_the_run(
    console: Console, run: RecordedRun, outcome: Outcome, code: int
) -> None:
    run.finish(outcome, "a reason")
    assert console.run("jobs", "watch", job().id).exit_code == code


def test_a_result_of_another_version_is_reported(console: Console, run: RecordedRun) -> None:
    run.finish(Outcome.NO_FIX, "a reason")
    with sqlite3.connect(console.data_dir / "store.sqlite") as database:
        changed = database.execute(
            "UPDATE items SET data = json_set(data, '$.result', '{}') WHERE sk LIKE 'run#%'"
        )
        assert changed.rowcount == 1
    database.close()
    result = console.run("jobs", "watch", job().id)
    assert result.exit_code == 1
    assert "has ended as no_fix, but its result is from another version" in result.stderr


def test_each_report_is_a_json_object_and_the_result_is_the_last(
    console: Console, run: RecordedRun, on_pause: OnPause
) -> None:
    on_pause(lambda: run.finish(Outcome.NO_FIX, "the rounds are used up"))
    *reports, result = console.lines("jobs", "watch", job().id, "--json", code=3)
    kinds = [report["kind"] for report in reports]
    assert kinds == ["started", "status", "finished", "ended"]
    assert result["outcome"] == "no_fix"


def test_control_characters_do_not_reach_the_terminal(console: Console, run: RecordedRun) -> None:
    run.wait(1.0, "\x1b[2Jowned\u202e")
    run.finish(Outcome.FAILED, "\x1b]0;owned\x07")
    output = console.run("jobs", "watch", job().id).stdout
    assert "owned" in output
    assert not any(character in output for character in "\x1b\x07\u202e")


def test_an_interruption_says_that_the_run_goes_on(
    console: Console, run: RecordedRun, on_pause: OnPause
) -> None:
    on_pause(interrupt)
    result = console.run("jobs", "watch", job().id)
    assert result.exit_code == 130
    assert "the run goes on" in result.stderr
    assert f"coding-agent jobs watch {job().id}" in result.stderr
    assert run.row.state == "running"


def test_submit_waits_for_the_run_of_its_job(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch, on_pause: OnPause
) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", aws.make_queue().url)
    RecordedRun(console.data_dir, job(7))
    runs: list[RecordedRun] = []
    on_pause(
        lambda: runs.append(RecordedRun(console.data_dir)),
        lambda: runs[0].finish(Outcome.NO_FIX, "the rounds are used up"),
    )
    result = console.run("submit", job().issue.url, "--wait")
    assert result.exit_code == 3
    assert "no worker has taken the job yet" in result.stderr
    assert "no_fix the rounds are used up" in result.stdout


def test_submit_sends_nothing_if_it_can_not_wait(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    assert "there is no store" in console.refused("submit", job().issue.url, "--wait")
    assert aws.messages(queue.url) == []


def test_submit_reports_json_lines_while_it_waits(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", aws.make_queue().url)
    RecordedRun(console.data_dir).finish(Outcome.PROPOSED, "a fix")
    result = console.run("submit", job().issue.url, "--wait", "--json")
    sent, *_reports, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert sent["job_id"] == job().id
    assert last["outcome"] == "proposed"
