"""``coding-agent jobs list``."""

import time
from contextlib import closing
from datetime import datetime

import pytest

from pipeline.outcome import Event, Outcome, Verification
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.cli.terminal import run_on_terminal
from tests.stand_ins.runs import Clock, claim, finish, job, result_of


def test_a_repository_must_be_owner_and_name(console: Console, store: SqliteStore) -> None:
    assert "'nope' is not OWNER/NAME" in console.refused("jobs", "list", "--repo", "nope")


def test_an_empty_store_says_so(console: Console, store: SqliteStore) -> None:
    result = console.run("jobs", "list")
    assert (result.stdout, result.stderr) == ("", "no runs yet\n")
    assert console.run("jobs", "list", "--outcome", "failed").stderr == "no such runs\n"
    assert console.lines("jobs", "list", "--json") == []


def test_runs_are_listed_as_json_the_newest_first(console: Console, ended: str) -> None:
    rows = console.lines("jobs", "list", "--json")
    assert [(row["job_id"], row["generation"], row["outcome"]) for row in rows] == [
        (ended, 1, "pr_opened"),
        (ended, 0, "no_fix"),
    ]
    assert rows[1]["cost_usd"] == 0.0025
    assert rows[1]["issue_url"] == "https://github.com/octo/repo/issues/42"


@pytest.fixture
def running(console: Console) -> str:
    """The job of a local repository with a hostile name; its run began 130 s ago."""
    clock = Clock(time.time() - 130)
    url = "file:///home/a-long-name-of-a-folder-with-%1b%5b2J-and%09-a-tab/issues/9"
    with closing(SqliteStore(console.data_dir / "store.sqlite", clock=clock)) as store:
        return claim(store, job(issue_url=url, job_id="a-local-job")).run.job_id


def test_in_a_pipe_each_run_is_a_line_of_full_values(
    console: Console, store: SqliteStore, ended: str
) -> None:
    verified = claim(store, job(7))
    proof = {"verification": Verification.RED_TO_GREEN, "pull_request_number": 12}
    result = result_of(verified, Outcome.PR_OPENED).model_copy(update=proof)
    store.finish(verified.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None)
    lines = [line.split("\t") for line in console.run("jobs", "list").stdout.splitlines()]
    (verified_line, *ended_lines) = lines
    assert verified_line[:6] == [
        f"{job(7).id}/0",
        "octo/repo#7",
        "pr_opened",
        "red to green",
        "12",
        "0.000000",
    ]
    assert datetime.fromisoformat(verified_line[6]).timestamp() == pytest.approx(
        verified.run.created_at, abs=1
    )
    assert [line[:6] for line in ended_lines] == [
        [f"{ended}/1", "octo/repo#42", "pr_opened", "", "", "0.000000"],
        [f"{ended}/0", "octo/repo#42", "no_fix", "", "", "0.002500"],
    ]


def test_a_hostile_name_stays_within_its_field(console: Console, running: str) -> None:
    (line,) = console.run("jobs", "list").stdout.splitlines()
    assert line.count("\t") == 6
    assert "\x1b" not in line
    assert line.startswith("a-local-job/0\tlocal/a-long-name-of-a-folder-with-")


def test_on_a_terminal_each_run_is_one_line_of_at_most_80_columns(
    console: Console, running: str, ended: str
) -> None:
    code, printed = run_on_terminal(console.folder, "jobs", "list", NO_COLOR="1")
    assert code == 0
    plain = printed.replace("\x1b[1m", "").replace("\x1b[0m", "")  # bold is no color
    heading, *lines = [line.rstrip() for line in plain.splitlines()]
    assert heading.split() == ["job", "issue", "outcome", "proof", "PR", "cost", "age"]
    assert "\x1b" not in plain
    assert len(lines) == 3
    assert max(len(line) for line in lines) <= 80
    assert lines[0].split()[:3] == [f"{ended[:8]}/1", "octo/repo#42", "pr_opened"]
    assert lines[2].startswith("a-local-")
    assert "…#9  running" in lines[2]
    assert lines[2].endswith("$0       2m")


def test_on_a_terminal_outcomes_are_coloured(console: Console, ended: str) -> None:
    _, printed = run_on_terminal(console.folder, "jobs", "list")
    assert "\x1b[32mpr_opened" in printed
    assert "\x1b[33mno_fix" in printed


@pytest.mark.parametrize(
    ("options", "generations"),
    [
        (["--outcome", "no_fix"], [0]),
        (["--outcome", "running"], []),
        (["--repository", "Octo/Repo"], [1, 0]),
        (["--repository", "octo/other"], []),
        (["--limit", "1"], [1]),
    ],
)
def test_a_list_can_be_filtered(
    console: Console, ended: str, options: list[str], generations: list[int]
) -> None:
    rows = console.lines("jobs", "list", "--json", *options)
    assert [row["generation"] for row in rows] == generations


def test_runs_are_listed_since_a_time(console: Console) -> None:
    clock = Clock(time.time() - 3600)
    with closing(SqliteStore(console.data_dir / "store.sqlite", clock=clock)) as store:
        finish(store, claim(store, job(1)))
        clock.now += 3000
        finish(store, claim(store, job(2)))
    for since, numbers in (("2h", [2, 1]), ("30m", [2]), ("2999-01-01T00:00+02:00", [])):
        rows = console.lines("jobs", "list", "--json", "--since", since)
        assert [int(row["issue_url"].rsplit("/")[-1]) for row in rows] == numbers
    assert console.run("jobs", "list", "--since", "1s").stderr == "no such runs\n"


def test_an_unknown_outcome_is_refused_with_the_list(console: Console) -> None:
    message = console.refused("jobs", "list", "--outcome", "solved")
    assert all(f"'{outcome}'" in message for outcome in [*Outcome, "queued", "running"])
