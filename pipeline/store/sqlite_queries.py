"""Queries of a SQLite store. Only the standard library is imported: a shell waits for it when it
completes the id of a job.
"""

import itertools
import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.store.schema import STEP_SET, STEPS_TABLE
from pipeline.store.table import EVERYTHING, FILTERS, Item, Key, Span

#: Seconds that a writer waits for another process's transaction.
BUSY_TIMEOUT = 30.0
_COLUMNS = "pk, sk, data, listing, listed_at"
#: Keys that one query looks up: SQLite allows 32,766 parameters, long before that it is slow
#: (https://www.sqlite.org/limits.html#max_variable_number).
_KEYS_A_QUERY = 500


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Return a connection in autocommit mode that any thread may use.

    A file that exists is opened for writing, also by a reader: the last connection to close removes
    the files of the write-ahead log, which one without the right to write would leave behind
    (https://www.sqlite.org/wal.html#read_only_databases).
    """
    mode = "rwc" if create else "rw"
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )


class SqliteReadTable:
    """See ``pipeline.store.table.ReadTable``. Its one connection is behind a lock."""

    def __init__(self, connection: sqlite3.Connection):
        connection.execute("PRAGMA query_only=ON")
        self._connection = connection
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def get(self, key: Key) -> Item | None:
        with self._lock:
            return get(self._connection, key)

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        with self._lock:
            return get_many(self._connection, keys)

    def query(self, partition: str, prefix: str) -> list[Item]:
        with self._lock:
            return query(self._connection, partition, prefix)

    def newest(self, partition: str, prefix: str, limit: int) -> list[Item]:
        query = (
            f"SELECT {_COLUMNS} FROM items WHERE pk = ? AND sk >= ? AND sk < ?"  # noqa: S608 (our own names)
            " ORDER BY sk DESC LIMIT ?"
        )
        with self._lock:
            return _select(self._connection, query, partition, prefix, _after(prefix), limit)

    def counter(self, key: Key) -> int:
        with self._lock:
            return counter(self._connection, key)

    def counters(self, partition: str, prefix: str) -> dict[str, int]:
        query = "SELECT sk, value FROM counters WHERE pk = ? AND sk >= ? AND sk < ? ORDER BY sk"
        with self._lock:
            return dict(self._connection.execute(query, [partition, prefix, _after(prefix)]))

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
        with self._lock:
            return _select(self._connection, query, *values, limit)

    def applied_steps(self) -> list[str]:
        """Return the names of the schema's steps that the file has; none if it is not a store."""
        query = f"SELECT name FROM {STEPS_TABLE} WHERE migration_set = ?"  # noqa: S608 (our own name)
        with self._lock:
            if not self._connection.execute(f"PRAGMA table_info({STEPS_TABLE})").fetchall():
                return []
            return [name for (name,) in self._connection.execute(query, (STEP_SET,))]


def get(connection: sqlite3.Connection, key: Key) -> Item | None:
    query = f"SELECT {_COLUMNS} FROM items WHERE pk = ? AND sk = ?"  # noqa: S608 (our own names)
    items = _select(connection, query, *key)
    return items[0] if items else None


def get_many(connection: sqlite3.Connection, keys: Sequence[Key]) -> list[Item]:
    """Return the items under these keys that exist, in the order of the keys."""
    by_key: dict[Key, Item] = {}
    for start in range(0, len(keys), _KEYS_A_QUERY):
        some = keys[start : start + _KEYS_A_QUERY]
        places = ", ".join(["(?, ?)"] * len(some))
        query = f"SELECT {_COLUMNS} FROM items WHERE (pk, sk) IN (VALUES {places})"  # noqa: S608 (our own names)
        for item in _select(connection, query, *itertools.chain.from_iterable(some)):
            by_key[item.key] = item
    return [by_key[key] for key in keys if key in by_key]


def query(connection: sqlite3.Connection, partition: str, prefix: str) -> list[Item]:
    query = f"SELECT {_COLUMNS} FROM items WHERE pk = ? AND sk >= ? AND sk < ? ORDER BY sk"  # noqa: S608 (our own names)
    return _select(connection, query, partition, prefix, _after(prefix))


def _after(prefix: str) -> str:
    """Return a text that sorts after every sort key with this prefix."""
    return f"{prefix}\U0010ffff"


def counter(connection: sqlite3.Connection, key: Key) -> int:
    row = connection.execute("SELECT value FROM counters WHERE pk = ? AND sk = ?", key).fetchone()
    return row[0] if row is not None else 0


def _select(connection: sqlite3.Connection, query: str, *values: Any) -> list[Item]:
    items = []
    for pk, sk, data, listing, listed_at in connection.execute(query, values):
        items.append(Item(Key(pk, sk), json.loads(data), listing, listed_at))
    return items
