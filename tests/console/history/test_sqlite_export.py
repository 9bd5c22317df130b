"""The history as a SQLite file."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from console.history.parts import PartReader
from console.history.records import PARTS, RUNS
from console.history.sqlite_export import NotAnExport, export_sqlite
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.store.contract import RunRow
from pipeline.store.store import RunStore
from tests.stand_ins.example_runs import FAILING, opened_pull_request
from tests.stand_ins.recorded_run import RecordedRun
from tests.stand_ins.runs import claim, job


@pytest.fixture
def run(tmp_path: Path) -> RecordedRun:
    return opened_pull_request(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def export(run: RecordedRun, path: Path) -> Database:
    export_sqlite(run.store.each_run(), PartReader(run.store, run.artifacts), path)
    return Database(path)


def rows(database: Database, query: str) -> list[dict[str, Any]]:
    return list(database.query(query))


def test_each_table_has_its_columns_with_types(run: RecordedRun, path: Path) -> None:
    database = export(run, path)
    for table in (RUNS, *PARTS):
        assert list(database.table(table.name).columns_dict) == table.columns
    types = database.table("runs").columns_dict
    assert (types["cost_usd"], types["rounds"], types["outcome"]) == (float, int, str)


def test_parts_refer_to_their_run(run: RecordedRun, path: Path) -> None:
    database = export(run, path)
    for table in PARTS:
        (key,) = database.table(table.name).foreign_keys
        assert (key.column, key.other_table, key.other_column) == ("run", "runs", "run")
    assert rows(database, "PRAGMA foreign_key_check") == []


def test_a_run_and_its_parts_are_there(run: RecordedRun, path: Path) -> None:
    database = export(run, path)
    (exported,) = rows(database, "SELECT run, outcome, verification FROM runs")
    assert exported == {
        "run": run.prefix,
        "outcome": "pr_opened",
        "verification": "red to green",
    }
    assert rows(database, "SELECT result FROM tests WHERE test = '" + FAILING + "'") == [
        {"result": "fixed"}
    ]
    assert rows(database, "SELECT count(*) AS calls FROM calls") == [{"calls": 1}]


def test_runs_of_each_store_are_exported(store: RunStore, tmp_path: Path, path: Path) -> None:
    for number in (1, 2):
        claim(store, job(number))
    export_sqlite(store.each_run(), PartReader(store, FolderArtifacts(tmp_path)), path)
    numbers = rows(Database(path), "SELECT issue_number FROM runs ORDER BY issue_number")
    assert numbers == [{"issue_number": 1}, {"issue_number": 2}]


def test_views_sum_up_spending_and_results(run: RecordedRun, path: Path) -> None:
    database = export(run, path)
    (day,) = rows(database, "SELECT * FROM spending_by_day")
    assert (day["day"], day["runs"]) == ("2001-09-09", 1)
    (result,) = rows(database, "SELECT * FROM results_by_repository")
    assert (result["pull_requests"], result["red_to_green"], result["failed"]) == (1, 1, 0)
    assert rows(database, "SELECT * FROM flaky_tests") == []


def test_an_earlier_export_is_replaced(run: RecordedRun, path: Path) -> None:
    export(run, path).close()
    export(run, path).close()
    assert rows(Database(path), "SELECT count(*) AS runs FROM runs") == [{"runs": 1}]


def test_another_database_is_not_overwritten(run: RecordedRun, path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (a)")
    with pytest.raises(NotAnExport, match=r"history\.db is not an export of the history"):
        export(run, path)
    assert rows(Database(path), "SELECT name FROM sqlite_master") == [{"name": "mine"}]


@pytest.mark.parametrize("content", [b"", b"notes", b"SQLite format 3\0"])
def test_another_file_is_not_overwritten(run: RecordedRun, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotAnExport):
        export(run, path)
    assert path.read_bytes() == content


def test_the_store_itself_is_not_overwritten(run: RecordedRun, tmp_path: Path) -> None:
    with pytest.raises(NotAnExport):
        export(run, tmp_path / "store.sqlite")


def test_an_export_that_fails_leaves_the_earlier_one(run: RecordedRun, path: Path) -> None:
    export(run, path).close()
    before = path.read_bytes()

    def interrupted() -> Iterator[RunRow]:
        yield from run.store.each_run()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_sqlite(interrupted(), PartReader(run.store, run.artifacts), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir() if "history.db" in file.name] == [path.name]
