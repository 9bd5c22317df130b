"""Transactions of several threads share a commit, and nothing else."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path

import pytest

from pipeline.store.group_commit import GroupCommit

THREADS = 30
caller = ContextVar[str]("caller")
TABLES = """
    CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
"""


class Database:
    """A file that several threads write, and another connection reads."""

    def __init__(self, path: Path):
        self._reader = sqlite3.connect(path)
        self._writer = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._writer.executescript(TABLES)
        self._writer.execute("PRAGMA foreign_keys=ON")
        self._statements: list[str] = []
        self._writer.set_trace_callback(self._statements.append)
        self._group = GroupCommit(self._writer)
        self._pool = ThreadPoolExecutor(THREADS + 2)

    def close(self) -> None:
        self._pool.shutdown()
        self._group.close()
        self._reader.close()

    @property
    def commits(self) -> int:
        return self._statements.count("COMMIT")

    def add_parent(self, number: int) -> int:
        self._writer.execute("INSERT INTO parents VALUES (?)", [number])
        return number

    def add_orphan(self) -> None:
        """Write what no commit accepts."""
        self._writer.execute("INSERT INTO children VALUES (1000)")

    def parents(self) -> list[int]:
        rows = self._reader.execute("SELECT id FROM parents ORDER BY id").fetchall()
        return [number for (number,) in rows]

    def run(self, decide: Callable[[], object]) -> object:
        return self._group.run(decide)

    def run_at_once(self, decisions: list[Callable[[], object]]) -> list[Future[object]]:
        """Run functions in threads that wait for the connection together."""
        arrived = threading.Semaphore(0)

        def wait_for_all() -> None:
            for _ in decisions:
                arrived.acquire()

        def arrive(decide: Callable[[], object]) -> object:
            arrived.release()
            return self._group.run(decide)

        first = self._pool.submit(self._group.run, wait_for_all)
        futures = [self._pool.submit(arrive, decide) for decide in decisions]
        first.result()
        for future in futures:
            future.exception()  # waits
        return futures


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "database.sqlite")
    yield database
    database.close()


def test_each_function_returns_its_own_result_once_it_is_on_the_disk(database: Database) -> None:
    assert database.run(lambda: database.add_parent(1)) == 1
    assert database.parents() == [1]


def test_threads_that_wait_for_the_connection_share_commits(database: Database) -> None:
    decisions = [lambda number=number: database.add_parent(number) for number in range(THREADS)]
    futures = database.run_at_once(decisions)
    assert [future.result() for future in futures] == list(range(THREADS))
    assert database.parents() == list(range(THREADS))
    assert database.commits < THREADS


def test_each_function_runs_in_the_context_of_its_own_caller(database: Database) -> None:
    def read_name(name: str) -> tuple[str, str]:
        caller.set(name)
        return name, str(database.run(caller.get))

    names = [str(number) for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(read_name, names)) == list(zip(names, names, strict=True))


def test_a_function_that_raises_undoes_its_own_writes_only(database: Database) -> None:
    def fail() -> None:
        database.add_parent(2)
        raise LookupError("on purpose")

    before, failed, after = database.run_at_once(
        [lambda: database.add_parent(1), fail, lambda: database.add_parent(3)]
    )
    assert before.result() == 1
    assert after.result() == 3
    with pytest.raises(LookupError, match="on purpose"):
        failed.result()
    assert database.parents() == [1, 3]


def test_a_commit_that_fails_raises_and_the_next_one_succeeds(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        database.run(database.add_orphan)
    database.run(lambda: database.add_parent(1))
    assert database.parents() == [1]


def test_whoever_shares_a_commit_that_fails_is_told(database: Database) -> None:
    decisions = [lambda number=number: database.add_parent(number) for number in range(THREADS)]
    futures = database.run_at_once([database.add_orphan, *decisions])
    assert isinstance(futures[0].exception(), sqlite3.IntegrityError)
    succeeded = [future.result() for future in futures[1:] if future.exception() is None]
    assert database.parents() == succeeded
