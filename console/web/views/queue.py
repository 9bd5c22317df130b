"""The queue: how many messages wait, run and are dead, and what the store says beside it."""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from console.queues.depths import Depths
from console.queues.unavailable import QueueUnavailable
from console.queues.watch import KEEP_SECONDS
from console.web.visits import Visit
from pipeline.store.reader import StoreReader

#: Events that are counted of each kind: one query each.
MAX_EVENTS = 100


@dataclass(frozen=True)
class Events:
    """How many events are not published, each kind up to ``MAX_EVENTS``."""

    waiting: int
    refused: int
    parked: int
    """Refused too often: somebody must mend the topic."""


@dataclass(frozen=True)
class QueueState:
    depths: Depths | None
    """None without a queue, or if it can't be read."""
    problem: str
    """Why the queue can't be read; empty if it can, or if there is none."""
    oldest: float | None
    """When the oldest run without an outcome was created; None if all have one."""
    events: Events


async def show(visit: Visit) -> Response:
    visit.check_operator()
    template = "queue_state" if visit.is_part else "queue"
    state = await _read_state(visit)
    return visit.page(template, state=state, max_events=MAX_EVENTS, keep_seconds=int(KEEP_SECONDS))


async def _read_state(visit: Visit) -> QueueState:
    store = visit.services.store
    depths = None
    problem = ""
    if visit.services.queue is not None:
        try:
            depths = await visit.services.queue.depths()
        except QueueUnavailable as error:
            problem = str(error)
    oldest = await run_in_threadpool(store.oldest_unfinished)
    events = await run_in_threadpool(_count_events, store)
    return QueueState(depths, problem, oldest, events)


def _count_events(store: StoreReader) -> Events:
    return Events(
        waiting=len(store.pending_events(MAX_EVENTS)),
        refused=len(store.refused_events(MAX_EVENTS)),
        parked=len(store.parked_events(MAX_EVENTS)),
    )
