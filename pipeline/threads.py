"""Threads for calls that block, in pools that don't wait for each other.

``asyncio.to_thread`` is for a run's own work, which may take minutes: git, copying files, a page.
What keeps the worker and its leases alive must not wait behind it, so the store and the control
plane have pools of their own.
"""

import asyncio
import contextvars
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Threads for the work of one run at a time, and of those of the worker itself. A stage calls git
#: for several candidates at once.
WORK_THREADS_PER_RUN: Final = 4
WORK_THREADS_OF_WORKER: Final = 4


class ThreadPool:
    """A pool of at most ``size`` threads, started when they are needed."""

    def __init__(self, name: str, size: int):
        self._name = name
        self._size = size
        self._make_executor()
        # A forked process has none of the threads, which the executor would wait for.
        os.register_at_fork(after_in_child=self._make_executor)

    def _make_executor(self) -> None:
        self._executor = ThreadPoolExecutor(self._size, thread_name_prefix=self._name)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call in a thread of the pool, with the caller's context (log lines find their run)."""
        context = contextvars.copy_context()
        bound = functools.partial(context.run, call, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, bound)


#: For the store and the artifacts: calls of milliseconds, of many runs at once.
STORE: Final = ThreadPool("store", 16)
#: For what keeps a worker in service: heartbeats, scale-in protection, credentials, figures.
CONTROL: Final = ThreadPool("control", 4)


def reserve_work_threads(concurrency: int) -> None:
    """Let ``asyncio.to_thread`` have enough threads for ``concurrency`` runs at once.

    The event loop's own number depends on the cores, so a few slow clones would hold up all runs.
    """
    size = concurrency * WORK_THREADS_PER_RUN + WORK_THREADS_OF_WORKER
    executor = ThreadPoolExecutor(size, thread_name_prefix="work")
    asyncio.get_running_loop().set_default_executor(executor)
