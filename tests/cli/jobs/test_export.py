"""``coding-agent jobs export`` and ``jobs path``."""

import csv
import io
import stat
from pathlib import Path

import pytest
from sqlite_utils import Database

from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.cli.terminal import run_on_terminal


def test_runs_are_printed_as_json_lines_newest_first(console: Console, ended: str) -> None:
    runs = console.lines("jobs", "export")
    assert [(run["job_id"], run["generation"], run["outcome"]) for run in runs] == [
        (ended, 1, "pr_opened"),
        (ended, 0, "no_fix"),
    ]


def test_the_number_of_runs_is_said_beside_the_data(console: Console, ended: str) -> None:
    assert console.run("jobs", "export").stderr == "2 runs exported\n"


def test_no_spinner_overwrites_rows_on_a_terminal(console: Console, ended: str) -> None:
    code, output = run_on_terminal(console.folder, "jobs", "export")
    assert (code, output.splitlines()[2:]) == (0, ["2 runs exported"])
    assert "\x1b" not in output


def test_runs_are_printed_as_csv(console: Console, ended: str) -> None:
    output = console.run("jobs", "export", "--format", "csv").stdout
    assert [run["outcome"] for run in csv.DictReader(io.StringIO(output))] == [
        "pr_opened",
        "no_fix",
    ]


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_a_file_is_written_for_its_owner_and_not_overwritten(
    console: Console, ended: str, format_: str
) -> None:
    arguments = ("jobs", "export", "--format", format_, "--output", "runs")
    assert console.run(*arguments).exit_code == 0
    file = console.folder / "runs"
    before = file.read_text()
    assert ended in before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert console.refused(*arguments) == "runs can't be created: File exists"
    assert file.read_text() == before


def test_a_database_is_written_and_replaced(console: Console, ended: str) -> None:
    for _ in range(2):
        result = console.run("jobs", "export", "--format", "sqlite", "--output", "history.db")
        assert (result.exit_code, result.stdout) == (0, "")
    database = Database(console.folder / "history.db")
    assert database.table("runs").count == 2
    assert database.table("calls").count == 1


@pytest.mark.parametrize("output", [(), ("--output", "-")])
def test_a_database_needs_a_file(console: Console, ended: str, output: tuple[str, ...]) -> None:
    message = console.refused("jobs", "export", "--format", "sqlite", *output)
    assert message == "--format sqlite needs --output FILE"


def test_a_dash_is_standard_output(console: Console, ended: str) -> None:
    assert len(console.lines("jobs", "export", "--output", "-")) == 2
    assert not (console.folder / "-").exists()


def test_another_file_is_not_replaced_by_a_database(console: Console, ended: str) -> None:
    (console.folder / "notes").write_text("mine")
    message = console.refused("jobs", "export", "--format", "sqlite", "--output", "notes")
    assert message == (
        "--output: notes is not an export of the history: give the name of a new file"
    )


def test_a_database_in_no_folder_is_refused(console: Console, ended: str) -> None:
    message = console.refused("jobs", "export", "--format", "sqlite", "--output", "no/history.db")
    assert message == "no/history.db can't be written: No such file or directory"


def test_older_runs_are_left_out(console: Console, ended: str) -> None:
    assert console.lines("jobs", "export", "--since", "2999-01-01") == []


def test_without_a_store_nothing_is_written(console: Console) -> None:
    message = console.refused("jobs", "export", "--format", "sqlite", "--output", "history.db")
    assert "there is no store" in message
    assert not (console.folder / "history.db").exists()


def test_the_path_is_that_of_the_store_and_nothing_else(
    console: Console, store: SqliteStore
) -> None:
    result = console.run("jobs", "path")
    assert (result.stdout, result.stderr) == (f"{console.data_dir}/store.sqlite\n", "")


def test_the_path_of_a_table_is_its_name(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://agent-runs")
    assert console.run("jobs", "path").stdout == "agent-runs\n"


def test_the_path_of_a_store_elsewhere_is_absolute(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteStore(Path("mine.sqlite")).close()
    monkeypatch.setenv("CODING_AGENT_STORE", "sqlite:///mine.sqlite")
    assert console.run("jobs", "path").stdout == f"{console.folder}/mine.sqlite\n"


def test_a_store_that_is_not_there_has_no_path(console: Console) -> None:
    assert "there is no store" in console.refused("jobs", "path")
    assert not console.data_dir.exists()
