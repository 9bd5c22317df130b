"""The worker: takes deliveries from SQS, runs each, settles its message, and stops without losing one."""

import asyncio
import contextlib
import hashlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from pipeline import telemetry
from pipeline.engine import Deferred, Ended, Engine
from pipeline.errors import LeaseLost, backoff, describe
from pipeline.job import FixIssueJob, InvalidJob, NewerSchema, UnreadableMessage, parse_job
from pipeline.outcome import Outcome, RunResult
from pipeline.publish import Publisher
from pipeline.queue import FAILED_GENERATION, Delivery, Heartbeat, SqsQueue, visibility_extender
from pipeline.store.base import Busy, Claimed, Finished, RunRow, RunStore, Submission

log = logging.getLogger(__name__)

#: Seconds after which a message for a newer worker is looked at again.
NEWER_SCHEMA_DELAY = 120.0
#: Longest wait, in seconds, of a message whose run is another delivery's.
MAX_BUSY_DELAY = 900.0
#: Seconds that a stopping worker gives the outbox.
LAST_DRAIN = 5.0


class Why(StrEnum):
    """Why a run's work is interrupted."""

    STOPPING = "the worker stops"
    LOST = "the lease is lost"
    CANCELLED = "the run was asked to be cancelled"
    TOO_LONG = "SQS lets nobody keep a message longer"


@dataclass
class _Slot:
    """One message in work. ``delivery`` is its newest receive: the one to extend, release and delete."""

    delivery: Delivery
    work: "asyncio.Task[Ended | Deferred] | None" = None
    why: Why | None = None

    def interrupt(self, why: Why) -> None:
        """Cancel the work, once: a second cancellation would cut short how it tidies up."""
        if self.work is not None and self.why is None:
            self.work.cancel()
        if self.why is None or why is Why.LOST:
            self.why = why


class Worker:
    """``visibility_timeout`` is in seconds and is the lease's length too; ``grace`` is how long runs may take to stop.

    ``clock`` is the store's: seconds since the epoch.
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
        heartbeat: Heartbeat | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ):
        self._queue, self._store, self._engine, self._publisher = queue, store, engine, publisher
        self._concurrency, self._visibility, self._poll_seconds = concurrency, visibility_timeout, poll_seconds
        self._grace, self._clock, self._rng = grace, clock, rng
        self._heartbeat = heartbeat or Heartbeat(visibility_timeout / 3, lease_seconds=visibility_timeout)
        self._extend: Callable[[Delivery], None]
        self._slots: dict[str, _Slot] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._polled = asyncio.Event()
        """No poll is under way, and none follows: what is released now can't come back to this worker."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then hand everything back. A queue or a store that is down is waited for."""
        self._extend = await asyncio.to_thread(visibility_extender, self._queue.url, self._visibility)
        with self._heartbeat:
            publishing = asyncio.create_task(self._publisher.run())
            polling = asyncio.create_task(self._poll())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({polling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            self._stopping.set()
            self._freed.set()
            for slot in self._slots.values():
                slot.interrupt(Why.STOPPING)
            await asyncio.wait({polling})
            self._polled.set()
            await self._wait_for_slots()
            self._publisher.stop()
            await asyncio.wait({publishing}, timeout=LAST_DRAIN)
            publishing.cancel()  # what stays pending, another worker publishes
        await polling

    async def _wait_for_slots(self) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=self._grace)
        for task in late:
            log.error("a run did not stop within %g s; its message comes back by itself", self._grace)
            task.cancel()

    async def _poll(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            free = self._concurrency - len(self._slots)
            if free <= 0:
                self._freed.clear()
                await self._freed.wait()
                continue
            try:
                deliveries = await self._queue.receive(free, self._poll_seconds)
            except Exception as error:
                failures += 1
                log.warning("receiving failed (%d times in a row): %s", failures, describe(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), backoff(failures, base=1.0, cap=60.0, rng=self._rng))
                continue
            failures = 0
            if self._stopping.is_set():
                await self._release_unstarted(deliveries)
                return
            for delivery in deliveries:
                self._start(delivery)

    async def _release_unstarted(self, deliveries: list[Delivery]) -> None:
        try:
            await self._queue.release(*deliveries)
        except Exception as error:
            log.warning("not released, so they come back later: %s", describe(error))

    def _start(self, delivery: Delivery) -> None:
        if slot := self._slots.get(delivery.message_id):
            log.warning("message %s was delivered again while it is in work here", delivery.message_id)
            slot.delivery = delivery
            return
        slot = self._slots[delivery.message_id] = _Slot(delivery)
        task = asyncio.create_task(self._handle(slot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, slot: _Slot) -> None:
        message_id = slot.delivery.message_id
        with telemetry.bound(message_id=message_id):
            try:
                await self._take(slot)
            except Exception:
                log.exception("the message could not be handled; it comes back when its visibility ends")
            finally:
                del self._slots[message_id]
                self._freed.set()

    async def _take(self, slot: _Slot) -> None:
        body = slot.delivery.body
        redrive_of = _generation(slot.delivery.text(FAILED_GENERATION))
        invalid: InvalidJob | None = None
        try:
            submission = Submission.of(parse_job(body), redrive_of=redrive_of)
        except UnreadableMessage as error:
            return await self._bury(slot, str(error), {})
        except NewerSchema as error:
            log.warning("%s; the message waits for a newer worker", error)
            return await self._put_back(slot, NEWER_SCHEMA_DELAY)
        except InvalidJob as error:
            invalid = error
            digest = hashlib.sha256(body.encode()).hexdigest()
            issue = error.issue
            submission = Submission(error.job_id, issue.repository, issue.url, body, digest, redrive_of=redrive_of)
        with telemetry.bound(job_id=submission.job_id):
            claim = await asyncio.to_thread(self._store.claim, submission, lease_seconds=self._visibility)
            match claim:
                case Busy(until):
                    # Longer with each receive: the queue's receive count must last until the run has ended.
                    wait = max(until - self._clock(), 5.0 * slot.delivery.receive_count)
                    log.info("the run is another delivery's")
                    await self._put_back(slot, min(wait, MAX_BUSY_DELAY))
                case Finished(run):
                    await self._again(slot, run)
                case Claimed():
                    with telemetry.bound(generation=claim.lease.generation):
                        await self._work(slot, claim, invalid)

    async def _again(self, slot: _Slot, run: RunRow) -> None:
        """A job that has finished: its event once more, and nothing is spent."""
        log.info("the run has finished already (%s); its event is published again", run.outcome)
        await self._publisher.publish_again(run)
        if run.outcome == Outcome.FAILED:
            # Perhaps the worker that decided it died before it put the message aside.
            return await self._bury(slot, run.reason or "failed", {FAILED_GENERATION: str(run.generation)})
        await self._settle(slot, self._queue.delete)

    async def _work(self, slot: _Slot, claimed: Claimed, invalid: InvalidJob | None) -> None:
        if claimed.body_differs:
            log.warning("another body is stored under this job_id; the first one stands")
        standing = _invalid(claimed.run.body)
        if standing is not None:
            result = await asyncio.to_thread(self._engine.reject, claimed, str(standing), standing.metadata)
            return await self._ended(slot, result)
        if invalid is not None:
            await asyncio.to_thread(self._store.release, claimed.lease)
            return await self._bury(slot, f"{invalid}; another, valid job stands under its job_id", {})
        try:
            answer = await self._execute(slot, claimed)
        except LeaseLost as error:
            log.warning("stopped: %s", error)
            return
        match answer:
            case Ended(result):
                await self._ended(slot, result)
            case Deferred(delay, reason):
                log.info("deferred by %.0f s: %s", delay, reason)
                await asyncio.to_thread(self._store.release, claimed.lease)
                await self._put_back(slot, delay)
            case None:
                await asyncio.to_thread(self._store.release, claimed.lease)
                if self._stopping.is_set():
                    await self._polled.wait()
                await self._settle(slot, self._queue.release)

    async def _execute(self, slot: _Slot, claimed: Claimed) -> Ended | Deferred | None:
        """None: interrupted, and the run waits at its last checkpoint.

        Raises:
            LeaseLost: another delivery owns the run.
        """
        if slot.why is not None:
            return None
        work = slot.work = asyncio.create_task(self._engine.execute(claimed))
        loop = asyncio.get_running_loop()

        def beat() -> bool:
            cancelled = self._store.renew(claimed.lease, lease_seconds=self._visibility)
            try:
                self._extend(slot.delivery)
            except Exception as error:
                # The message may come back; it then meets the lease, which is what protects the run.
                log.warning("message %s is not extended: %s", slot.delivery.message_id, describe(error))
            return cancelled

        key = claimed.lease.token
        self._heartbeat.watch(
            key,
            beat,
            on_lost=lambda why: _call(loop, slot, Why.LOST, why),
            on_cancel=lambda: _call(loop, slot, Why.CANCELLED),
        )
        try:
            keep = self._queue.time_left(slot.delivery) - 2 * self._visibility
            _, running = await asyncio.wait({work}, timeout=max(keep, 0.0))
            if running:
                slot.interrupt(Why.TOO_LONG)
                await asyncio.wait({work})
        finally:
            await asyncio.to_thread(self._heartbeat.unwatch, key)
        if not work.cancelled():
            return work.result()
        log.info("interrupted: %s", slot.why)
        if slot.why is Why.LOST:
            raise LeaseLost(Why.LOST)
        return None

    async def _ended(self, slot: _Slot, result: RunResult) -> None:
        """The outcome and its event are stored together by now: the message has done its work."""
        log.info("ended: %s: %s", result.outcome, result.reason)
        self._publisher.poke()
        if result.outcome is Outcome.FAILED:
            return await self._bury(slot, result.reason, {FAILED_GENERATION: str(result.generation)})
        await self._settle(slot, self._queue.delete)

    async def _bury(self, slot: _Slot, reason: str, attributes: dict[str, str]) -> None:
        log.warning("to the dead-letter queue: %s", reason)
        await self._queue.to_dead_letters(slot.delivery, reason, attributes)
        await self._settle(slot, self._queue.delete)

    async def _put_back(self, slot: _Slot, seconds: float) -> None:
        await self._settle(slot, lambda delivery: self._queue.change_visibility(delivery, seconds))

    async def _settle(self, slot: _Slot, act: Callable[[Delivery], Awaitable[None]]) -> None:
        """Act on the newest receive, also where a newer one arrived while the last was acted on."""
        while True:
            newest = slot.delivery
            await act(newest)
            if slot.delivery is newest:
                return


def _call(loop: asyncio.AbstractEventLoop, slot: _Slot, why: Why, detail: str = "") -> None:
    log.warning("message %s: %s %s", slot.delivery.message_id, why, detail)
    loop.call_soon_threadsafe(slot.interrupt, why)


def _invalid(body: str) -> InvalidJob | None:
    try:
        FixIssueJob.model_validate_json(body)
    except ValueError:
        try:
            parse_job(body)
        except InvalidJob as error:
            return error
    return None


def _generation(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
