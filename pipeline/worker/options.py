"""A worker's tools and options."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.engine import Engine
from pipeline.queue import SqsQueue
from pipeline.store.store import RunStore
from pipeline.worker.outbox import Publisher


def _need_no_credentials() -> None:
    pass


async def _remove_nothing() -> None:
    pass


@dataclass(frozen=True)
class WorkerTools:
    queue: SqsQueue
    store: RunStore
    engine: Engine
    publisher: Publisher
    protect: Callable[[], AbstractContextManager[None]] = nullcontext
    """Returns a context that is entered while a run is in progress (see TaskProtection.hold)."""
    check_credentials: Callable[[], None] = _need_no_credentials
    """Raises an error if the deployment's credentials are refused. Blocks."""
    make_room: Callable[[], Awaitable[None]] = _remove_nothing
    """Removes from the disk of the data directory what no run uses."""


@dataclass(frozen=True)
class WorkerOptions:
    concurrency: int
    """Maximum number of messages in progress."""
    visibility_timeout: int
    """Seconds that a message stays hidden, and a lease lasts, without a heartbeat."""
    data_dir: Path
    """The folder whose disk is measured."""
    heartbeat_seconds: float | None = None
    """Seconds between two heartbeats of a run; None for a third of the visibility timeout."""
    poll_seconds: int = 3
    """Seconds that a receive waits for messages, and so what stopping an idle worker may take: a
    receive must not be cancelled, since its messages would stay hidden."""
    grace: float = 25.0
    """Seconds that stopping may take."""
    max_crashes: int = 5
    """Crashes of a run's worker after which it ends as *failed*."""

    @property
    def heartbeat_interval(self) -> float:
        return self.heartbeat_seconds or self.visibility_timeout / 3
