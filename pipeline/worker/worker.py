"""The worker: receives messages from SQS, hands each to the delivery handler, and stops without
losing one.
"""

import asyncio
import logging
from typing import Any

from pipeline import metrics
from pipeline.backoff import Backoff
from pipeline.clock import Clock, budget_day
from pipeline.disk import measure_disk
from pipeline.errors import describe
from pipeline.money import to_usd
from pipeline.queue import BATCH, Delivery, VisibilityExtender
from pipeline.threads import CONTROL, STORE
from pipeline.worker.credentials import CredentialsGate
from pipeline.worker.deliveries import DeliveryHandler
from pipeline.worker.disk_gate import DiskGate
from pipeline.worker.heartbeat import Heartbeat
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.slots import Slots
from pipeline.worker.watchdog import Watchdog

log = logging.getLogger(__name__)

#: Seconds for which a stopping worker waits for the outbox.
LAST_DRAIN_SECONDS = 5.0
#: The share of the grace period for which a stopping worker waits for the current receive.
POLL_SHARE = 0.9
#: Maximum seconds per turn of a poll loop that waits for a free slot, or for a queue that is down.
TURN_SECONDS = 10.0
#: Seconds after which a disk without room is measured again.
DISK_SECONDS = 5.0
#: Seconds to wait for more slots to become free, so that one receive fills them.
GATHER_SECONDS = 0.1
#: Seconds without a turn after which the poll loop or the heartbeat counts as stuck. A long poll
#: takes 20 s; an unanswered one, with its retries, under two minutes.
STALE_SECONDS = 180.0
#: Seconds between two metrics reports.
REPORT_SECONDS = 60.0
#: Parked events are counted up to this number.
MAX_PARKED_COUNT = 100


class Worker:
    """Processes the messages of one queue, up to ``options.concurrency`` at a time."""

    def __init__(self, tools: WorkerTools, options: WorkerOptions, clock: Clock | None = None):
        self._queue = tools.queue
        self._store = tools.store
        self._publisher = tools.publisher
        self._options = options
        self._clock = clock or Clock()
        self._slots = Slots(options.concurrency)
        self._watchdog = Watchdog()
        self._extender = VisibilityExtender(tools.queue.url, options.visibility_timeout)
        self.heartbeat = Heartbeat(
            options.heartbeat_interval, lease_seconds=options.visibility_timeout
        )
        self._credentials = CredentialsGate(tools.check_credentials, self._clock.monotonic)
        self.disk = DiskGate(lambda: measure_disk(options.data_dir), tools.make_room)
        self._deliveries = DeliveryHandler(
            tools,
            options,
            self._slots,
            self.heartbeat,
            self._extender,
            self._credentials,
            self._clock,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._turned_at = self._clock.monotonic()

    def vitals(self) -> dict[str, float]:
        """Return the seconds since the last turn of the poll loop and of the heartbeat.

        Above ``STALE_SECONDS`` they count as stuck.
        """
        return {
            "poll": self._clock.monotonic() - self._turned_at,
            "heartbeat": self.heartbeat.seconds_idle,
        }

    @property
    def refusal(self) -> str | None:
        """Why the deployment's credentials are refused; None if they are not."""
        return self._credentials.refusal

    @property
    def pause(self) -> str | None:
        """Why no messages are received: the credentials, or the disk. None if they are received."""
        return self.refusal or self.disk.shortage

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then hand all messages back.

        While the queue or the store is down, the worker waits.
        """
        await CONTROL.run(self._extender.open)
        with self.heartbeat, self._watchdog:
            publishing = asyncio.create_task(self._publisher.run())
            reporting = asyncio.create_task(self._report())
            polling = asyncio.create_task(self._poll())
            await _wait_for_either(polling, stop)
            await self._shut_down(polling, publishing)
            reporting.cancel()
        if polling.done() and not polling.cancelled():
            polling.result()

    async def _shut_down(
        self, polling: "asyncio.Task[None]", publishing: "asyncio.Task[None]"
    ) -> None:
        """Interrupt the runs, end the polling, release the messages, publish the last events."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.grace

        # The runs clean up while the current receive returns. It is not cancelled: its messages
        # would be lost to everyone until their visibility timeout.
        self._slots.stop()
        await asyncio.wait({polling}, timeout=POLL_SHARE * self._options.grace)
        if not polling.done():
            log.error("the last poll did not return; its messages will be delivered again")
            polling.cancel()

        # Only now are messages released: this worker's own receive would take them back.
        self._slots.polling_ended.set()
        await self._wait_for_deliveries(deadline - loop.time())

        # Runs that ended in the meantime have put their events into the outbox.
        self._publisher.stop()
        await asyncio.wait({publishing}, timeout=LAST_DRAIN_SECONDS)
        publishing.cancel()  # another worker publishes the remaining events

    async def _wait_for_deliveries(self, seconds: float) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=max(seconds, 0.0))
        for task in late:
            grace = self._options.grace
            log.error("a run did not stop within %g s; its message will be delivered again", grace)
            task.cancel()

    async def _poll(self) -> None:
        """Receive messages whenever slots are free, until the worker stops."""
        retry = Backoff(base=1.0, cap=60.0)
        while not self._slots.stopping.is_set():
            self._turned_at = self._clock.monotonic()
            has_capacity = await self._has_capacity()
            if not await self.disk.is_open():
                await self._sleep(DISK_SECONDS)
                continue
            if not has_capacity:
                continue
            if not await self._credentials.is_open():
                await self._sleep(self._credentials.seconds_left)
                continue
            try:
                deliveries = await self._receive()
            except Exception as error:
                metrics.note_receive_failure()
                delay = retry.fail()
                reason = describe(error)
                log.warning("receiving failed (%d times in a row): %s", retry.failures, reason)
                await self._sleep(delay)
            else:
                retry.reset()
                await self._start(deliveries)

    async def _has_capacity(self) -> bool:
        """Wait for a free slot, for a turn at most. Return False if there is none or we stop."""
        if len(self._slots):
            await self._slots.wait_for_capacity(BATCH, GATHER_SECONDS)
        if self._slots.free <= 0:
            await self._slots.wait_for_change(TURN_SECONDS)
            return False
        return not self._slots.stopping.is_set()

    async def _receive(self) -> list[Delivery]:
        if self._deliveries.store_suspect:
            await STORE.run(self._store.pending_events, 1)
            self._deliveries.store_suspect = False
        return await self._queue.receive(self._slots.free, self._options.poll_seconds)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until the time is up or the worker stops; the poll loop still counts as turning."""
        while seconds > 0 and not self._slots.stopping.is_set():
            self._turned_at = self._clock.monotonic()
            await self._slots.sleep(min(seconds, TURN_SECONDS))
            seconds -= TURN_SECONDS

    async def _start(self, deliveries: list[Delivery]) -> None:
        """Start a task for each delivery, and release those for which there is no slot."""
        surplus = []
        for delivery in deliveries:
            message_id = delivery.message_id
            slot = self._slots.get(message_id)
            if slot is not None:
                log.warning("message %s was delivered again while in progress here", message_id)
                slot.delivery = delivery
            elif self._slots.stopping.is_set() or self._slots.reserved:
                surplus.append(delivery)
            else:
                self._start_task(delivery)
        try:
            await self._queue.release(*surplus)
        except Exception as error:
            log.warning("not released, so they will be delivered again later: %s", describe(error))

    def _start_task(self, delivery: Delivery) -> None:
        slot = self._slots.open(delivery)
        task = asyncio.create_task(self._deliveries.handle(slot))
        self._tasks.add(task)
        metrics.note_running(len(self._tasks))
        task.add_done_callback(self._forget_task)

    def _forget_task(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        metrics.note_running(len(self._tasks))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            loop_delay, loop_stalls = self._watchdog.drain_measurements()
            metrics.log_worker(
                lateness=self.heartbeat.drain_lateness(),
                loop_delay=loop_delay,
                loop_stalls=loop_stalls,
                events_pending=self._publisher.pending,
                running=len(self._slots),
                credentials_refused=self.refusal is not None,
                disk_used_percent=measure_disk(self._options.data_dir).used_percent,
            )
            try:
                await CONTROL.run(self._report_deployment)
            except Exception as error:
                log.warning("the deployment's figures can't be read: %s", describe(error))

    def _report_deployment(self) -> None:
        """Read the deployment's figures and log them. Blocks: call it in a thread."""
        now = self._clock.now()
        oldest = self._store.oldest_unfinished()
        spent = self._store.spent(day=budget_day(now))
        parked = self._store.parked_events(MAX_PARKED_COUNT)
        metrics.log_deployment(
            oldest_unfinished_seconds=max(now - oldest, 0.0) if oldest is not None else 0.0,
            spent_today_usd=to_usd(spent),
            events_parked=len(parked),
        )


async def _wait_for_either(task: "asyncio.Task[Any]", event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
