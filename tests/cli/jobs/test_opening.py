"""Opening the store, and finding a run in it."""

import sqlite3
from contextlib import closing

import pytest

from cli import exits
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import claim, job


def test_a_store_that_does_not_exist_is_reported_and_not_created(console: Console) -> None:
    folder = console.folder / "typo"
    message = console.refused("--data-dir", folder, "jobs", "list")
    assert message.startswith(f"there is no store at {folder}/store.sqlite: ")
    assert not folder.exists()


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_an_unknown_job_is_reported(console: Console, store: SqliteStore, command: str) -> None:
    message = console.refused("jobs", command, "nothing")
    assert message == (
        "there is no job 'nothing', and none whose id begins so; see: coding-agent jobs list"
    )


def test_a_table_that_does_not_exist_is_reported_in_one_line(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://nosuch")
    assert console.refused("jobs", "list", code=1) == (
        "AWS has no such table: check CODING_AGENT_STORE and AWS_REGION"
    )


def test_a_file_that_is_no_store_is_left_alone(console: Console) -> None:
    console.data_dir.mkdir(parents=True)
    path = console.data_dir / "store.sqlite"
    path.touch()
    message = console.refused("jobs", "list")
    assert message == f"CODING_AGENT_STORE: {path}: the file is no store of coding-agent"
    assert path.read_bytes() == b""


def test_a_store_of_an_older_version_is_read(console: Console, store: SqliteStore) -> None:
    claim(store)
    with closing(sqlite3.connect(console.data_dir / "store.sqlite")) as other, other:
        other.execute("DELETE FROM _sqlite_migrations WHERE name = 'finding runs'")
    assert console.json("jobs", "list", "--json")["job_id"] == job().id


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


def test_an_ambiguous_name_is_reported_with_what_it_may_mean(
    console: Console, store: SqliteStore
) -> None:
    for number, job_id in enumerate(("nightly-1", "nightly-2"), 1):
        claim(store, job(number, job_id=job_id))
    result = console.run("jobs", "show", "nightly")
    assert result.exit_code == exits.USAGE
    assert result.stderr == (
        "Error: 'nightly' names several jobs:\n"
        "  nightly-1  https://github.com/octo/repo/issues/1  running\n"
        "  nightly-2  https://github.com/octo/repo/issues/2  running\n"
        "Give more characters of the id.\n"
    )


def test_a_text_that_names_no_run_is_refused(console: Console, store: SqliteStore) -> None:
    assert "OWNER/REPO#NUMBER" in console.refused("jobs", "show", "octo/repo")


def test_only_the_newest_run_of_a_job_is_cancelled(
    console: Console, store: SqliteStore, ended: str
) -> None:
    message = console.refused("jobs", "cancel", f"{ended[:8]}/0")
    assert message == (
        f"generation 0 of job '{ended}' is not its newest one, which is 1: name the job alone"
    )
