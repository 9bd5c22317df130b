"""Transactions that share a commit with those of other threads: each waits for the disk."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


@dataclass(eq=False)
class _Request(Generic[T]):
    """A function that waits to be run, and then its result or its error."""

    decide: Callable[[], T]
    context: Context = field(default_factory=copy_context)
    """Of the thread that waits: another one may run the function."""
    result: T | None = None
    error: BaseException | None = None
    is_done: bool = False


class GroupCommit:
    """Runs functions of several threads on one connection, one at a time.

    The thread that gets the connection runs all functions that wait for it, in one transaction. A
    function that raises leaves nothing in it.
    """

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: deque[_Request[Any]] = deque()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def run(self, decide: Callable[[], T]) -> T:
        """Return what ``decide`` returns, after the commit of what it has written.

        Raises what it raises, and ``sqlite3.Error`` if the commit fails.
        """
        request = _Request(decide)
        self._waiting.append(request)
        with self._lock:
            if not request.is_done:  # otherwise a thread that had the connection has run it
                self._run_waiting()
        if request.error is not None:
            raise request.error
        return cast(T, request.result)

    def _run_waiting(self) -> None:
        requests = []
        while self._waiting:
            requests.append(self._waiting.popleft())
        try:
            with transaction(self._connection):
                for request in requests:
                    self._run_one(request)
        except BaseException as error:
            for request in requests:
                request.error = error
        for request in requests:
            request.is_done = True

    def _run_one(self, request: _Request[Any]) -> None:
        """Run a function in such a way that its failure does not undo the others' writes."""
        self._connection.execute("SAVEPOINT one")
        try:
            request.result = request.context.run(request.decide)
        except Exception as error:
            self._connection.execute("ROLLBACK TO one")
            request.error = error
        self._connection.execute("RELEASE one")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is written while entered; keep nothing of it on an error."""
    # IMMEDIATE takes the write lock at once: two processes can't both decide on the same reads, and
    # data that was read can't change before the commit.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
