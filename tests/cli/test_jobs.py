"""``coding-agent jobs``: the runs in the store."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from pipeline.outcome import Outcome
from pipeline.store.contract import Checkpoint, MoneyCaps, Round
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import call_request, claim, finish, job


@pytest.fixture
def store(console: Console) -> Iterator[SqliteStore]:
    """The store that the commands open, at its default path."""
    store = SqliteStore(console.data_dir / "store.sqlite")
    yield store
    store.close()


@pytest.fixture
def ended(store: SqliteStore) -> str:
    """A job with two generations: one that found no fix in two rounds, and one that opened a pull
    request.
    """
    first = claim(store)
    store.save_checkpoint(first.lease, Checkpoint(1, "fetch_issue", "{}", False, 1.5, 1.0))
    caps = MoneyCaps(10**6, 10**6, 10**6)
    call = store.reserve(first.lease, call_request(9, key="1/x", day="2026-01-01"), caps)
    store.settle(first.lease, call, micro_usd=2_500)
    store.open_round(
        first.lease, Round(2, "propose_patch", "\n\x1b[31mTests fail\x1b[0m\nmore"), 0.5
    )
    finish(store, first, Outcome.NO_FIX)
    second = claim(store, job(replay={"id": "again"}))
    store.intend(second.lease, "push", {"branch": "b"})
    store.record(second.lease, "push", {"sha": "abc"})
    finish(store, second, Outcome.PR_OPENED)
    return job().id


def test_a_store_that_does_not_exist_is_reported_and_not_created(console: Console) -> None:
    folder = console.folder / "typo"
    message = console.refused("--data-dir", folder, "jobs", "list")
    assert message.startswith(f"there is no store at {folder}/store.sqlite: ")
    assert not folder.exists()


def test_a_repository_must_be_owner_and_name(console: Console, store: SqliteStore) -> None:
    assert "'nope' is not OWNER/NAME" in console.refused("jobs", "list", "--repo", "nope")


def test_an_empty_store_says_so(console: Console, store: SqliteStore) -> None:
    assert console.run("jobs", "list").stdout == "no runs yet\n"
    assert console.lines("jobs", "list", "--json") == []


def test_runs_are_listed_the_newest_first(console: Console, ended: str) -> None:
    rows = console.lines("jobs", "list", "--json")
    assert [(row["job_id"], row["generation"], row["outcome"]) for row in rows] == [
        (ended, 1, "pr_opened"),
        (ended, 0, "no_fix"),
    ]
    assert rows[1]["cost_usd"] == 0.0025
    assert rows[1]["issue_url"] == "https://github.com/octo/repo/issues/42"
    output = console.run("jobs", "list").stdout
    assert output.index("pr_opened") < output.index("no_fix")
    assert "$0.0025" in output


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


def test_an_unknown_outcome_is_refused_with_the_list(console: Console) -> None:
    message = console.refused("jobs", "list", "--outcome", "solved")
    assert all(f"'{outcome}'" in message for outcome in [*Outcome, "queued", "running"])


def test_show_prints_everything_about_a_run(console: Console, ended: str) -> None:
    payload = console.json("jobs", "show", ended, "--generation", "0", "--json")
    assert payload["outcome"] == "no_fix"
    assert payload["round"] == 2
    assert payload["deliveries"] == 1
    assert [(stage["stage"], stage["seconds"]) for stage in payload["stages"]] == [
        ("fetch_issue", 1.5)
    ]
    assert [(call["state"], call["cost_usd"]) for call in payload["calls"]] == [("settled", 0.0025)]
    assert payload["rounds"][0]["to"] == "propose_patch"
    assert payload["result"]["outcome"] == "no_fix"
    assert [moment["what"] for moment in payload["history"]][-1] == "finished"
    newest = console.json("jobs", "show", ended, "--json")
    assert newest["generation"] == 1
    assert newest["effects"][0]["result"] == {"sha": "abc"}


def test_show_removes_control_characters(console: Console, ended: str) -> None:
    output = console.run("jobs", "show", ended, "--generation", "0").stdout
    assert output.startswith(f"{ended} generation 0: no_fix\n")
    assert "round 2 opened at propose_patch:" in output
    assert "Tests fail" in output
    assert "\x1b" not in output


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_an_unknown_job_is_reported(console: Console, store: SqliteStore, command: str) -> None:
    message = console.refused("jobs", command, "nothing")
    assert message == "there is no job 'nothing' in this store; see: coding-agent jobs list"


def test_an_unknown_generation_is_reported(console: Console, ended: str) -> None:
    message = console.refused("jobs", "show", ended, "--generation", "7")
    assert message.startswith(f"there is no generation 7 of job '{ended}'")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_cancelling_asks_the_unfinished_run_to_stop(
    console: Console, store: SqliteStore, options: list[str]
) -> None:
    claim(store)
    result = console.run("jobs", "cancel", job().id, *options)
    assert result.exit_code == 0
    assert (
        json.loads(result.stdout)["job_id"] == job().id
        if options
        else result.stdout.startswith("asked ")
    )
    row = store.run(job().id)
    assert row is not None
    assert row.cancel_requested


def test_cancelling_an_ended_job_is_an_error(console: Console, ended: str) -> None:
    assert (
        console.refused("jobs", "cancel", ended, code=1)
        == f"job '{ended}' has already ended: pr_opened"
    )


def test_a_table_that_does_not_exist_is_reported_in_one_line(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://nosuch")
    assert console.refused("jobs", "list", code=1) == (
        "AWS has no such table: check CODING_AGENT_STORE and AWS_REGION"
    )


def test_a_store_of_a_newer_version_is_refused(console: Console, store: SqliteStore) -> None:
    with sqlite3.connect(console.data_dir / "store.sqlite") as other:
        other.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('coding-agent',"
            " 'hundredth')"
        )
    other.close()
    message = console.refused("jobs", "list")
    assert message.startswith("CODING_AGENT_STORE: ")
    assert "written by a newer coding-agent" in message
