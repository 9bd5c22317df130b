"""The history as a SQLite file, with a column for each value: for Datasette, SQL and notebooks."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import NoneType
from typing import get_args

from sqlite_utils import Database

from console.history.parts import PartReader
from console.history.records import PARTS, RUNS, Record, Table
from console.history.runs import run_record
from pipeline.store.contract import RunRow

#: Marks the file as an export, in its header (https://www.sqlite.org/fileformat.html#application_id).
APPLICATION_ID = int.from_bytes(b"cagh")
_APPLICATION_ID_PLACE = slice(68, 72)
_MAGIC = b"SQLite format 3\0"
_INDICES = ("created_at", "repository", "outcome", "template_set", "model")
#: Columns of ``runs`` by which a view sums up the results: ``results_by_COLUMN``.
_GROUPS = ("repository", "model", "strategy", "template_set")
_SPENDING = """
    SELECT date(created_at) AS day, repository, count(*) AS runs, sum(cost_usd) AS cost_usd
    FROM runs GROUP BY day, repository ORDER BY day DESC, cost_usd DESC
"""
_FLAKY_TESTS = """
    SELECT runs.repository, tests.test, count(DISTINCT tests.run) AS runs
    FROM tests JOIN runs USING (run) WHERE tests.result = 'flaky'
    GROUP BY runs.repository, tests.test ORDER BY runs DESC
"""
_RESULTS = """
    SELECT {column}, count(*) AS runs,
        count(*) FILTER (WHERE state = 'finished') AS finished,
        count(*) FILTER (WHERE outcome = 'pr_opened') AS pull_requests,
        count(*) FILTER (WHERE verification = 'red to green') AS red_to_green,
        count(*) FILTER (WHERE outcome = 'failed') AS failed,
        sum(cost_usd) AS cost_usd
    FROM runs GROUP BY {column} ORDER BY runs DESC
"""


class NotAnExport(ValueError):
    """A file that would be overwritten is not an export of the history."""


def export_sqlite(rows: Iterable[RunRow], reader: PartReader, path: Path) -> None:
    """Write the runs and their parts to a file, which replaces an earlier export.

    The file is complete or is not there: it is written under another name first.

    Raises:
        NotAnExport: there is another file.
        OSError: the file can't be written.
    """
    check_replaceable(path)
    with _replacing(path) as new, closing(Database(new)) as database:
        _create_schema(database)
        with database.conn:
            for row in rows:
                _insert(database, RUNS, [run_record(row)])
                for table, records in reader.read(row).items():
                    _insert(database, table, records)
        database.conn.execute("ANALYZE")


def check_replaceable(path: Path) -> None:
    """Raise NotAnExport if ``path`` is anything but an export of the history."""
    if not path.exists():
        return
    if path.is_file():
        with path.open("rb") as file:
            header = file.read(_APPLICATION_ID_PLACE.stop)
        application_id = int.from_bytes(header[_APPLICATION_ID_PLACE])
        if header.startswith(_MAGIC) and application_id == APPLICATION_ID:
            return
    raise NotAnExport(f"{path} is not an export of the history: give the name of a new file")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a new file's path; it becomes ``path`` at the end, and is removed after an error."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    new = Path(name)
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _create_schema(database: Database) -> None:
    database.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _create_table(database, RUNS)
    database.table(RUNS.name).create_index(["repository", "issue_number"])
    for column in _INDICES:
        database.table(RUNS.name).create_index([column])
    for table in PARTS:
        _create_table(database, table, foreign_keys=[("run", RUNS.name, "run")])
    database.create_view("spending_by_day", _SPENDING)
    database.create_view("flaky_tests", _FLAKY_TESTS)
    for column in _GROUPS:
        database.create_view(f"results_by_{column}", _RESULTS.format(column=column))


def _create_table(
    database: Database, table: Table, foreign_keys: list[tuple[str, str, str]] | None = None
) -> None:
    columns: dict[str, type] = {}
    required: set[str] = set()
    for name, field in table.record.model_fields.items():
        annotation = field.annotation
        types = [kind for kind in get_args(annotation) if kind is not NoneType] or [annotation]
        columns[name] = types[0]
        if field.is_required():
            required.add(name)
    database.table(table.name).create(
        columns, pk=table.key, not_null=required, foreign_keys=foreign_keys
    )


def _insert(database: Database, table: Table, records: Iterable[Record]) -> None:
    places = ", ".join(f":{column}" for column in table.columns)
    statement = f"INSERT OR REPLACE INTO {table.name} VALUES ({places})"  # noqa: S608 (our own names)
    database.conn.executemany(statement, [record.model_dump() for record in records])
