"""The worker: takes deliveries from SQS, hands each to the handler, and stops without losing one."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from pipeline import metrics
from pipeline.engine.engine import Engine
from pipeline.errors import backoff, describe
from pipeline.queue import BATCH, Delivery, SqsQueue, visibility_extender
from pipeline.store.contract import RunStore
from pipeline.worker.deliveries import MAX_CRASHES, Handler
from pipeline.worker.heartbeat import Heartbeat
from pipeline.worker.outbox import Publisher
from pipeline.worker.slots import Slots
from pipeline.worker.watchdog import Watchdog

log = logging.getLogger(__name__)

#: Seconds that a stopping worker gives the outbox.
LAST_DRAIN = 5.0
#: Seconds after which a poll loop that waits for room, or for a queue that is down, goes round
#: again.
TURN = 10.0
#: Seconds for which slots that become free are gathered, so that one receive fills them.
GATHER = 0.1
#: Seconds without a turn after which the poll loop or the heartbeat is stuck. A long poll takes 20
#: s, one that gets no answer, with its retries, under two minutes.
STALE = 180.0
#: Seconds between two lines of metrics.
REPORT = 60.0


class Worker:
    """``visibility_timeout`` is in seconds and is the lease's length too; ``grace`` is how long stopping may take.

    ``clock`` is the store's: seconds since the epoch. ``protect`` gives a context that is entered while a run is in
    work (see pipeline.ecs).
    """

    def __init__(
        self,
        queue: SqsQueue,
        store: RunStore,
        engine: Engine,
        publisher: Publisher,
        *,
        concurrency: int,
        visibility_timeout: int,
        poll_seconds: int = 20,
        grace: float = 25.0,
        max_crashes: int = MAX_CRASHES,
        protect: Callable[[], AbstractContextManager[None]] = nullcontext,
        heartbeat: Heartbeat | None = None,
        watchdog: Watchdog | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ):
        self._queue = queue
        self._store = store
        self._publisher = publisher
        self._visibility = visibility_timeout
        self._poll_seconds = poll_seconds
        self._grace = grace
        self._clock = clock
        self._monotonic = monotonic
        self._rng = rng
        self._heartbeat = heartbeat or Heartbeat(
            visibility_timeout / 3, lease_seconds=visibility_timeout
        )
        self._watchdog = watchdog or Watchdog()
        self._slots = Slots(concurrency)
        self._handler = Handler(
            self._slots,
            queue,
            store,
            engine,
            publisher,
            self._heartbeat,
            visibility=visibility_timeout,
            clock=clock,
            max_crashes=max_crashes,
            protect=protect,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._turned_at = monotonic()

    @property
    def last_words(self) -> str | None:
        """Why the process before this one ended itself; None where it did not."""
        return self._watchdog.last_words

    def vitals(self) -> dict[str, float]:
        """Seconds since the poll loop and the heartbeat last went round; over ``STALE`` they are
        stuck.
        """
        return {"poll": self._monotonic() - self._turned_at, "heartbeat": self._heartbeat.idle}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then hand everything back. A queue or a store that is down is
        waited for.
        """
        self._handler.extend = await asyncio.to_thread(
            visibility_extender, self._queue.url, self._visibility
        )
        with self._heartbeat, self._watchdog:
            publishing = asyncio.create_task(self._publisher.run())
            reporting = asyncio.create_task(self._report())
            polling = asyncio.create_task(self._poll())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({polling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            await self._stop(polling)
            self._publisher.stop()
            await asyncio.wait({publishing}, timeout=LAST_DRAIN)
            publishing.cancel()  # what stays pending, another worker publishes
            reporting.cancel()
        if polling.done() and not polling.cancelled():
            polling.result()

    async def _stop(self, polling: "asyncio.Task[None]") -> None:
        """Interrupt the runs, let the poll under way return, and only then let the messages go."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace
        self._slots.stop()
        _, hanging = await asyncio.wait({polling}, timeout=0.9 * self._grace)
        if hanging:
            log.error("the last poll did not return; what it brings comes back by itself")
            polling.cancel()
        self._slots.polled.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=max(deadline - loop.time(), 0.0))
        for task in late:
            log.error(
                "a run did not stop within %g s; its message comes back by itself", self._grace
            )
            task.cancel()

    async def _poll(self) -> None:
        failures = 0
        while not self._slots.stopping.is_set():
            self._turned_at = self._monotonic()
            if len(self._slots):
                await self._slots.room(BATCH, GATHER)
            if self._slots.free <= 0:
                await self._slots.change(TURN)
                continue
            if self._slots.stopping.is_set():
                return
            try:
                if self._handler.doubt:
                    await asyncio.to_thread(self._store.pending_events, 1)
                    self._handler.doubt = False
                deliveries = await self._queue.receive(self._slots.free, self._poll_seconds)
            except Exception as error:
                failures += 1
                log.warning(
                    "nothing can be received (%d times in a row): %s", failures, describe(error)
                )
                await self._wait(backoff(failures, base=1.0, cap=60.0, rng=self._rng))
                continue
            failures = 0
            await self._start(deliveries)

    async def _wait(self, seconds: float) -> None:
        while seconds > 0 and not self._slots.stopping.is_set():
            self._turned_at = self._monotonic()
            await self._slots.pause(min(seconds, TURN))
            seconds -= TURN

    async def _start(self, deliveries: list[Delivery]) -> None:
        unwanted = []
        for delivery in deliveries:
            if slot := self._slots.get(delivery.message_id):
                log.warning(
                    "message %s was delivered again while it is in work here", delivery.message_id
                )
                slot.delivery = delivery
            elif self._slots.stopping.is_set() or self._slots.reserved:
                unwanted.append(delivery)
            else:
                task = asyncio.create_task(self._handler.handle(self._slots.open(delivery)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        try:
            await self._queue.release(*unwanted)
        except Exception as error:
            log.warning("not released, so they come back later: %s", describe(error))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT)
            delay, stalls = self._watchdog.take()
            metrics.worker_turned(
                lateness=self._heartbeat.take_lateness(),
                loop_delay=delay,
                loop_stalls=stalls,
                events_pending=self._publisher.pending,
                running=len(self._slots),
            )
            try:
                await asyncio.to_thread(metrics.deployment_seen, self._store, self._clock())
            except Exception as error:
                log.warning("the deployment's figures can't be read: %s", describe(error))
