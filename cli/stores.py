"""Open the store that the settings name.

Each function raises SettingsError, which says what is missing and how to set it. Few packages are
imported here: commands that only look at the store should be quick.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.missing import BOTO3, require_package
from pipeline.settings import Settings, SettingsError
from pipeline.store.reader import StoreReader
from pipeline.store.schema import NewerStore, NotAStore, OlderStore

if TYPE_CHECKING:
    from pipeline.store.store import RunStore


def has_store(settings: Settings) -> bool:
    """Return whether the store's file exists; True for a table, which only AWS knows."""
    return settings.store_table is not None or settings.store_path.exists()


def open_store_to_read(settings: Settings) -> StoreReader:
    """Open the store for a command that only looks. It must exist, and nothing is created."""
    require_store(settings)
    if settings.store_table is not None:
        return open_store(settings)
    from pipeline.store.sqlite_reader import SqliteReader

    path = settings.store_path
    with _explain_sqlite_errors(settings):
        try:
            return SqliteReader(path)
        except OlderStore:
            open_store(settings).close()  # which migrates it
            return SqliteReader(path)


def open_existing_store(settings: Settings) -> "RunStore":
    """Open the store for a command that changes runs: it must exist."""
    require_store(settings)
    return open_store(settings)


def require_store(settings: Settings) -> None:
    if not has_store(settings):
        raise SettingsError(
            f"there is no store at {settings.store_path}: nothing has run there yet, or --data-dir"
            " or CODING_AGENT_STORE names another place"
        )


def open_store(settings: Settings) -> "RunStore":
    """Open the store; a SQLite file is created if it does not exist."""
    if settings.store_table is not None:
        require_package(BOTO3)
        from pipeline.store.dynamodb import DynamoStore

        return DynamoStore(settings.store_table)
    if settings.on_ecs:
        raise SettingsError(
            "CODING_AGENT_STORE: SQLite is refused on ECS, where a task's disk is lost with the"
            " task: set dynamodb://TABLE"
        )
    from pipeline.store.sqlite import SqliteStore

    with _explain_sqlite_errors(settings):
        return SqliteStore(settings.store_path)


@contextmanager
def _explain_sqlite_errors(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (NewerStore, NotAStore) as error:
        raise SettingsError(f"CODING_AGENT_STORE: {settings.store_path}: {error}") from error
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            f"CODING_AGENT_STORE: {settings.store_path} can't be opened: {error}"
        ) from error
