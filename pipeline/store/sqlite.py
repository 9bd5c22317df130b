"""The store for one machine: a SQLite file in WAL mode."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from sqlite_utils import Database

from pipeline.store.group_commit import GroupCommit, transaction
from pipeline.store.migrations import migrate
from pipeline.store.sqlite_queries import SqliteReadTable, connect, counter, get, get_many, query
from pipeline.store.store import RunStore
from pipeline.store.table import Item, Key

T = TypeVar("T")

_PUT = """
    INSERT INTO items (pk, sk, data, listing, listed_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (pk, sk) DO UPDATE SET
        data = excluded.data, listing = excluded.listing, listed_at = excluded.listed_at
"""
_ADD = """
    INSERT INTO counters (pk, sk, value) VALUES (?, ?, ?)
    ON CONFLICT (pk, sk) DO UPDATE SET value = value + excluded.value
"""


class SqliteStore(RunStore):
    """The store for one machine. It never deletes old runs.

    Raises:
        NewerStore: a newer version wrote the file.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time):
        super().__init__(SqliteTable(path), clock=clock)


class SqliteTable(SqliteReadTable):
    """See ``pipeline.store.table.Table``.

    One connection writes and another reads, each behind its own lock, so a read does not wait for a
    commit to reach the disk. Threads that write at the same time share a commit.
    """

    def __init__(self, path: Path):
        if not path.exists():
            _make_file(path)
        self._writer = connect(path, create=False)
        _prepare(self._writer)
        self._commits = GroupCommit(self._writer)
        super().__init__(connect(path, create=False))

    def close(self) -> None:
        super().close()
        self._commits.close()

    def transact(self, decide: Callable[["SqliteTransaction"], T]) -> T:
        return self._commits.run(lambda: decide(SqliteTransaction(self._writer)))


def _make_file(path: Path) -> None:
    """Put a store without runs at the path, whole: nobody sees a file half made.

    SQLite does not wait when it changes a file to WAL mode while another process reads it: it
    raises "database is locked". So the file is made under a name that nobody else opens. If two
    processes make one, the first one's stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        with closing(connect(made, create=True)) as connection:
            _prepare(connection)
        with suppress(FileExistsError):
            os.link(made, path)
    _sync_folder(path.parent)


def _prepare(connection: sqlite3.Connection) -> None:
    """Set the connection up for writing, and bring its file to WAL mode and to today's schema."""
    database = Database(connection)
    database.enable_wal()
    # NORMAL could lose the last commits in a power cut, and with them the record of a reply that
    # was paid for.
    connection.execute("PRAGMA synchronous=FULL")
    with transaction(connection):
        migrate(database)


def _sync_folder(folder: Path) -> None:
    """Bring a new name in the folder to the disk, as SQLite does for the files that it makes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SqliteTransaction:
    """See ``pipeline.store.table.Transaction``.

    It holds the write lock: data that it has read can't change, so no write needs a condition.
    """

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection

    def get(self, key: Key) -> Item | None:
        return get(self._connection, key)

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        return get_many(self._connection, keys)

    def query(self, partition: str, prefix: str) -> list[Item]:
        return query(self._connection, partition, prefix)

    def counter(self, key: Key) -> int:
        return counter(self._connection, key)

    def put(self, item: Item) -> None:
        data = json.dumps(item.data)
        self._connection.execute(_PUT, [*item.key, data, item.listing, item.listed_at])

    def delete(self, key: Key) -> None:
        self._connection.execute("DELETE FROM items WHERE pk = ? AND sk = ?", key)

    def add(
        self, key: Key, amount: int, *, limit: int | None = None, expires: int | None = None
    ) -> None:
        self._connection.execute(_ADD, [*key, amount])
