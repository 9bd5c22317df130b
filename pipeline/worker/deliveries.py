"""What becomes of one message: its run is claimed and worked on, and the message deleted, put back
or put aside.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

from pipeline import metrics, telemetry
from pipeline.engine.engine import Deferred, Ended, Engine
from pipeline.errors import LeaseLost, backoff, describe
from pipeline.job import InvalidJob, NewerSchema, UnreadableMessage, parse_job
from pipeline.outcome import Outcome, RunResult
from pipeline.queue import FAILED_GENERATION, Delivery, SqsQueue
from pipeline.store.contract import (
    Busy,
    Claimed,
    ClaimedInvalid,
    Finished,
    Lease,
    RunRow,
    RunStore,
    Submission,
)
from pipeline.worker.heartbeat import Heartbeat
from pipeline.worker.outbox import Publisher
from pipeline.worker.slots import Slot, Slots, Why

log = logging.getLogger(__name__)

#: Seconds after which a message for a newer worker is looked at again.
NEWER_SCHEMA_DELAY = 120.0
#: Longest wait, in seconds, of a message whose run is another delivery's, or that could not be
#: handled.
MAX_DELAY = 900.0
#: Workers that a run has killed, after which it runs alone: its neighbours must not be blamed.
ALONE_AFTER = 2
#: Workers that a run has killed, after which it ends as *failed*.
MAX_CRASHES = 5
#: How often a lease is tried to be given back to a store that does not answer.
GIVE_BACK_TRIES = 12


class Handler:
    """``visibility`` is in seconds and is the lease's length too; ``clock`` is the store's, in seconds since the epoch.

    ``protect`` gives a context that is entered while a run is in work.
    """

    def __init__(
        self,
        slots: Slots,
        queue: SqsQueue,
        store: RunStore,
        engine: Engine,
        publisher: Publisher,
        heartbeat: Heartbeat,
        *,
        visibility: int,
        clock: Callable[[], float],
        max_crashes: int = MAX_CRASHES,
        protect: Callable[[], AbstractContextManager[None]] = nullcontext,
    ):
        self._slots = slots
        self._queue = queue
        self._store = store
        self._engine = engine
        self._publisher = publisher
        self._heartbeat = heartbeat
        self._visibility = visibility
        self._clock = clock
        self._max_crashes = max_crashes
        self._protect = protect
        self.extend: Callable[[Delivery], None]
        """How the heartbeat's thread keeps a message; set before the first message."""
        self.doubt = True
        """Perhaps the store is down: ask it before more messages are taken, since each receive counts."""

    async def handle(self, slot: Slot) -> None:
        with telemetry.bound(message_id=slot.delivery.message_id):
            try:
                await self._take(slot)
            except Exception:
                log.exception("the message could not be handled; it comes back later")
                self.doubt = True
                await self._put_back_somehow(slot)
            finally:
                self._slots.close(slot)

    async def _take(self, slot: Slot) -> None:
        body = slot.delivery.body
        redrive_of = slot.delivery.failed_generation
        try:
            submission = Submission.of(parse_job(body), redrive_of=redrive_of)
        except UnreadableMessage as error:
            return await self._bury(slot, str(error), {})
        except NewerSchema as error:
            log.warning("%s; the message waits for a newer worker", error)
            return await self._put_back(slot, NEWER_SCHEMA_DELAY)
        except InvalidJob as error:
            submission = Submission(error, body, redrive_of)
        with telemetry.bound(job_id=submission.job_id):
            await self._claim(slot, submission)

    async def _claim(self, slot: Slot, submission: Submission) -> None:
        claim = await asyncio.to_thread(
            self._store.claim, submission, lease_seconds=self._visibility
        )
        match claim:
            case Busy(until):
                # Longer with each receive: the queue's receive count must last until the run has
                # ended.
                wait = max(until - self._clock(), 5.0 * slot.delivery.receive_count)
                log.info("the run is another delivery's")
                await self._put_back(slot, min(wait, MAX_DELAY))
            case Finished(run):
                await self._again(slot, submission, run)
            case ClaimedInvalid(_, lease, _):
                with telemetry.bound(generation=lease.generation):
                    result = await asyncio.to_thread(self._engine.reject, claim)
                    await self._ended(slot, result)
            case Claimed(_, lease, _, _):
                with telemetry.bound(generation=lease.generation):
                    await self._claimed(slot, submission, claim)

    async def _again(self, slot: Slot, submission: Submission, run: RunRow) -> None:
        """A job that has finished: its event once more, and nothing is spent."""
        invalid = isinstance(submission.job, InvalidJob)
        if invalid and run.body != submission.body:
            # The run's event says nothing of this message, and its own outcome has no run to stand
            # in.
            return await self._bury(
                slot, f"{submission.job}; another job has ended under its job_id", {}
            )
        log.info("the run has finished already (%s); its event is published again", run.outcome)
        await self._publisher.publish_again(run)
        if run.outcome == Outcome.FAILED:
            # Perhaps the worker that decided it died before it put the message aside.
            return await self._bury(
                slot, run.reason or "failed", {FAILED_GENERATION: str(run.generation)}
            )
        await self._settle(slot, self._queue.delete)

    async def _claimed(self, slot: Slot, submission: Submission, claimed: Claimed) -> None:
        run = claimed.run
        lease = claimed.lease
        if claimed.body_differs:
            log.warning("another body is stored under this job_id; the first one stands")
        if isinstance(submission.job, InvalidJob):
            await self._give_back(lease)
            reason = f"{submission.job}; another, valid job stands under its job_id"
            return await self._bury(slot, reason, {})
        if run.crashes >= self._max_crashes:
            reason = f"its worker died {run.crashes} times; replay with a new replay id when mended"
            return await self._ended(
                slot, await asyncio.to_thread(self._engine.give_up, claimed, reason)
            )
        if run.crashes >= ALONE_AFTER and not slot.alone:
            log.warning("%d workers died with this run; it waits to run alone", run.crashes)
            # Without its lease: a neighbour that kills the worker now must not count against it.
            await self._give_back(lease)
            async with self._kept(slot):
                alone = await self._slots.be_alone(slot)
            return await (self._claim(slot, submission) if alone else self._hand_back(slot))
        if run.deliveries == 1:
            slot.queue_wait = max(self._clock() - slot.delivery.sent_at, 0.0)
        await self._work(slot, claimed)

    async def _work(self, slot: Slot, claimed: Claimed) -> None:
        try:
            with self._protect():
                answer = await self._execute(slot, claimed)
        except LeaseLost as error:
            log.warning("stopped: %s", error)
            # Where nobody took it, this was no crash.
            return await self._give_back(claimed.lease)
        except Exception:
            self.doubt = True
            await self._give_back(claimed.lease)
            raise
        match answer:
            case Ended(result):
                await self._ended(slot, result)
            case Deferred(delay, reason):
                log.info("deferred by %.0f s: %s", delay, reason)
                await self._give_back(claimed.lease)
                await self._put_back(slot, delay)
            case None:
                await self._give_back(claimed.lease)
                await self._hand_back(slot)

    async def _execute(self, slot: Slot, claimed: Claimed) -> Ended | Deferred | None:
        """None: interrupted, and the run waits at its last checkpoint.

        Raises:
            LeaseLost: another delivery owns the run.
        """
        if slot.why is not None:
            return None
        work = slot.work = asyncio.create_task(self._engine.execute(claimed))
        async with self._kept(slot, claimed.lease):
            keep = self._queue.time_left(slot.delivery) - 2 * self._visibility
            _, running = await asyncio.wait({work}, timeout=max(keep, 0.0))
            if running:
                slot.interrupt(Why.TOO_LONG)
                await asyncio.wait({work})
        if not work.cancelled():
            answer: Ended | Deferred = work.result()
            return answer
        log.info("interrupted: %s", slot.why)
        if slot.why is Why.LOST:
            raise LeaseLost(Why.LOST)
        return None

    @asynccontextmanager
    async def _kept(self, slot: Slot, lease: Lease | None = None) -> AsyncIterator[None]:
        """The heartbeat keeps the message, and the lease where there is one."""
        loop = asyncio.get_running_loop()

        def beat() -> bool:
            cancelled = lease is not None and self._store.renew(
                lease, lease_seconds=self._visibility
            )
            try:
                self.extend(slot.delivery)
            except Exception as error:
                # The message may come back; it then meets the lease, which is what protects the
                # run.
                log.warning(
                    "message %s is not extended: %s", slot.delivery.message_id, describe(error)
                )
            return cancelled

        key = lease.token if lease else slot.delivery.message_id
        self._heartbeat.watch(
            key,
            beat,
            on_lost=lambda why: _call(loop, slot, Why.LOST, why),
            on_cancel=lambda: _call(loop, slot, Why.CANCELLED),
        )
        try:
            yield
        finally:
            await asyncio.to_thread(self._heartbeat.unwatch, key)

    async def _give_back(self, lease: Lease) -> None:
        """Release a lease. One that is left to end counts as a crash, so a store that is down is
        waited for.
        """
        for failures in range(1, GIVE_BACK_TRIES + 1):
            last = self._slots.stopping.is_set() or failures == GIVE_BACK_TRIES
            try:
                return await asyncio.to_thread(self._store.release, lease)
            except Exception as error:
                self.doubt = True
                log.warning("the lease is not given back (%d times): %s", failures, describe(error))
                if last:
                    return None
                await self._slots.pause(backoff(failures, base=1.0, cap=60.0))

    async def _ended(self, slot: Slot, result: RunResult) -> None:
        """The outcome and its event are stored together by now: the message has done its work."""
        log.info("ended: %s: %s", result.outcome, result.reason)
        metrics.run_ended(result, slot.queue_wait)
        self._publisher.poke()
        if result.outcome is Outcome.FAILED:
            return await self._bury(
                slot, result.reason, {FAILED_GENERATION: str(result.generation)}
            )
        await self._settle(slot, self._queue.delete)

    async def _bury(self, slot: Slot, reason: str, attributes: dict[str, str]) -> None:
        log.warning("to the dead-letter queue: %s", reason)
        await self._queue.to_dead_letters(slot.delivery, reason, attributes)
        await self._settle(slot, self._queue.delete)

    async def _hand_back(self, slot: Slot) -> None:
        """Make the message visible at once, for this worker or another."""
        if self._slots.stopping.is_set():
            await self._slots.polled.wait()
        await self._settle(slot, self._queue.release)

    async def _put_back(self, slot: Slot, seconds: float) -> None:
        await self._settle(slot, lambda delivery: self._queue.change_visibility(delivery, seconds))

    async def _put_back_somehow(self, slot: Slot) -> None:
        try:
            await self._put_back(slot, min(30.0 * slot.delivery.receive_count, MAX_DELAY))
        except Exception as error:
            log.warning(
                "not put back, so it comes back when its visibility ends: %s", describe(error)
            )

    async def _settle(self, slot: Slot, act: Callable[[Delivery], Awaitable[None]]) -> None:
        """Act on the newest receive, also where a newer one arrived while the last was acted on."""
        while True:
            newest = slot.delivery
            await act(newest)
            if slot.delivery is newest:
                return


def _call(loop: asyncio.AbstractEventLoop, slot: Slot, why: Why, detail: str = "") -> None:
    log.warning("message %s: %s %s", slot.delivery.message_id, why, detail)
    loop.call_soon_threadsafe(slot.interrupt, why)
