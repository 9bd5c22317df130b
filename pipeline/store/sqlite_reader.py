"""A SQLite store that is only read."""

from pathlib import Path

from pipeline.store.reader import StoreReader
from pipeline.store.schema import STEPS, NotAStore, OlderStore, refuse_unknown_steps
from pipeline.store.sqlite_queries import SqliteReadTable, connect


class SqliteReader(StoreReader):
    """A store that is only read: nothing is created, and nothing stays open in its folder.

    Raises:
        NewerStore: a newer version wrote the file.
        OlderStore: an older version wrote it, and it has not been migrated yet.
        NotAStore: it is no store.
        sqlite3.Error: it can't be read.
    """

    def __init__(self, path: Path):
        table = SqliteReadTable(connect(path, create=False))
        try:
            _check_steps(table)
        except BaseException:
            table.close()
            raise
        super().__init__(table)


def _check_steps(table: "SqliteReadTable") -> None:
    applied = table.applied_steps()
    if not applied:
        raise NotAStore("the file is no store of coding-agent")
    refuse_unknown_steps(applied)
    if len(applied) < len(STEPS):
        raise OlderStore
