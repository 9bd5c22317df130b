"""The store for one machine: a SQLite file in WAL mode."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from pipeline.store.migrations import migrate
from pipeline.store.store import RunStore
from pipeline.store.table import EVERYTHING, FILTERS, Item, Key, Span

T = TypeVar("T")

#: Seconds that a writer waits for another process's transaction.
BUSY_TIMEOUT = 30.0
_COLUMNS = "pk, sk, data, listing, listed_at"
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


class SqliteTable:
    """See ``pipeline.store.table.Table``.

    One connection writes and another reads, each behind its own lock, so a read does not wait for a
    commit to reach the disk.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._writer = _connect(path)
        self._reader = _connect(path)
        database = Database(self._writer)
        database.enable_wal()
        # NORMAL could lose the last commits in a power cut, and with them the record of a reply
        # that was paid for.
        self._writer.execute("PRAGMA synchronous=FULL")
        with self._transaction():
            migrate(database)
        self._reader.execute("PRAGMA query_only=ON")

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    def get(self, key: Key) -> Item | None:
        with self._read_lock:
            return _get(self._reader, key)

    def query(self, partition: str, prefix: str) -> list[Item]:
        with self._read_lock:
            return _query(self._reader, partition, prefix)

    def counter(self, key: Key) -> int:
        with self._read_lock:
            return _counter(self._reader, key)

    def counters(self, partition: str, prefix: str) -> dict[str, int]:
        query = "SELECT sk, value FROM counters WHERE pk = ? AND sk >= ? AND sk < ? ORDER BY sk"
        with self._read_lock:
            return dict(self._reader.execute(query, [partition, prefix, _after(prefix)]))

    def listed(
        self,
        listing: str,
        *,
        limit: int,
        newest_first: bool,
        where: Mapping[str, str],
        within: Span = EVERYTHING,
    ) -> list[Item]:
        conditions = ["listing = ?", "listed_at >= ?", "listed_at < ?"]
        for name in where:
            assert name in FILTERS  # noqa: S101 (it becomes SQL)
            conditions.append(f"json_extract(data, '$.{name}') = ?")
        order = "DESC" if newest_first else "ASC"
        query = (
            f"SELECT {_COLUMNS} FROM items WHERE {' AND '.join(conditions)}"  # noqa: S608 (our own names)
            f" ORDER BY listed_at {order} LIMIT ?"
        )
        values = (listing, within.since, within.before, *where.values())
        with self._read_lock:
            return _select(self._reader, query, *values, limit)

    def transact(self, decide: Callable[["SqliteTransaction"], T]) -> T:
        with self._transaction():
            return decide(SqliteTransaction(self._writer))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._write_lock:
            # IMMEDIATE takes the write lock at once: two processes can't both decide on the same
            # reads, and data that was read can't change before the commit.
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._writer.rollback()
                raise
            self._writer.commit()


class SqliteTransaction:
    """See ``pipeline.store.table.Transaction``.

    It holds the write lock: data that it has read can't change, so no write needs a condition.
    """

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection

    def get(self, key: Key) -> Item | None:
        return _get(self._connection, key)

    def query(self, partition: str, prefix: str) -> list[Item]:
        return _query(self._connection, partition, prefix)

    def counter(self, key: Key) -> int:
        return _counter(self._connection, key)

    def put(self, item: Item) -> None:
        data = json.dumps(item.data)
        self._connection.execute(_PUT, [*item.key, data, item.listing, item.listed_at])

    def delete(self, key: Key) -> None:
        self._connection.execute("DELETE FROM items WHERE pk = ? AND sk = ?", key)

    def add(
        self, key: Key, amount: int, *, limit: int | None = None, expires: int | None = None
    ) -> None:
        self._connection.execute(_ADD, [*key, amount])


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


def _get(connection: sqlite3.Connection, key: Key) -> Item | None:
    query = f"SELECT {_COLUMNS} FROM items WHERE pk = ? AND sk = ?"  # noqa: S608 (our own names)
    items = _select(connection, query, *key)
    return items[0] if items else None


def _query(connection: sqlite3.Connection, partition: str, prefix: str) -> list[Item]:
    query = f"SELECT {_COLUMNS} FROM items WHERE pk = ? AND sk >= ? AND sk < ? ORDER BY sk"  # noqa: S608 (our own names)
    return _select(connection, query, partition, prefix, _after(prefix))


def _after(prefix: str) -> str:
    """Return a text that sorts after every sort key with this prefix."""
    return f"{prefix}\U0010ffff"


def _counter(connection: sqlite3.Connection, key: Key) -> int:
    row = connection.execute("SELECT value FROM counters WHERE pk = ? AND sk = ?", key).fetchone()
    return row[0] if row is not None else 0


def _select(connection: sqlite3.Connection, query: str, *values: Any) -> list[Item]:
    items = []
    for pk, sk, data, listing, listed_at in connection.execute(query, values):
        items.append(Item(Key(pk, sk), json.loads(data), listing, listed_at))
    return items
