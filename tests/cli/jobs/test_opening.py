"""Opening the store, and finding a run in it."""

import sqlite3

import pytest

from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws


def test_a_store_that_does_not_exist_is_reported_and_not_created(console: Console) -> None:
    folder = console.folder / "typo"
    message = console.refused("--data-dir", folder, "jobs", "list")
    assert message.startswith(f"there is no store at {folder}/store.sqlite: ")
    assert not folder.exists()


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_an_unknown_job_is_reported(console: Console, store: SqliteStore, command: str) -> None:
    message = console.refused("jobs", command, "nothing")
    assert message == "there is no job 'nothing' in this store; see: coding-agent jobs list"


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
