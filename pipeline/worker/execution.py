"""The interruptible work on one run, and the reasons for an interruption."""

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any, TypeVar

from pipeline.errors import LeaseLost
from repository.git import GitCommands

T = TypeVar("T")


class Interruption(StrEnum):
    """Why the work on a run is interrupted."""

    STOPPING = "the worker stops"
    LOST = "the lease is lost"
    CANCELLED = "a cancellation of the run was requested"
    TOO_LONG = "SQS does not allow a message to be held any longer"


class Execution:
    """The work on one run. It can also be interrupted before it begins."""

    def __init__(self) -> None:
        self.interruption: Interruption | None = None
        self._detail = ""
        self._task: asyncio.Task[Any] | None = None
        self._git = GitCommands()

    def interrupt(self, interruption: Interruption, detail: str = "") -> None:
        """Cancel the work, at most once: a second cancellation would abort its cleanup.

        A lost lease overrides every other reason, since nothing may be written after it.
        """
        if self.interruption is None and self._task is not None:
            self._task.cancel()
            self._git.end()  # a thread that waits for a command would not end with the task
        if self.interruption is None or interruption is Interruption.LOST:
            self.interruption = interruption
            self._detail = detail or str(interruption)

    async def run(
        self, work: Callable[[], Coroutine[Any, Any, T]], *, seconds: float | None = None
    ) -> T | None:
        """Do the work and return its result, or None if it was interrupted.

        ``seconds`` is how long the work may take. A cancellation of the caller interrupts the work
        and waits for it to end.

        Raises:
            LeaseLost: the work was interrupted because another delivery owns the run.
        """
        if self.interruption is not None:
            return None
        with self._git.in_use():
            task: asyncio.Task[T] = asyncio.create_task(work())
        self._task = task
        try:
            await asyncio.wait({task}, timeout=seconds)
            if not task.done():
                self.interrupt(Interruption.TOO_LONG)
                await asyncio.wait({task})
        except asyncio.CancelledError:
            self.interrupt(Interruption.STOPPING)
            await asyncio.wait({task})
            raise
        if not task.cancelled():
            return task.result()
        if self.interruption is Interruption.LOST:
            raise LeaseLost(self._detail)
        return None
