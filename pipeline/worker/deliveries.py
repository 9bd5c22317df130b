"""The handling of one delivery: read the message, claim its run, execute it, settle the message.

read ---------> not a job: dead letter;  for a newer worker: defer
  |
claim --------> held by another delivery: defer;  finished: publish its event again, delete
  |
execute ------> must wait: defer;  interrupted: release;  lease lost: leave the message alone
  |
finish -------> failed: dead letter, delete;  every other outcome: delete
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from pipeline import metrics, telemetry
from pipeline.backoff import Backoff
from pipeline.clock import Clock
from pipeline.engine.engine import Deferred, Ended
from pipeline.errors import LeaseLost, describe, judge
from pipeline.job import InvalidJob, NewerSchema, UnreadableMessage
from pipeline.outcome import Outcome, RunResult
from pipeline.queue import FAILED_GENERATION, Delivery, VisibilityExtender
from pipeline.run_key import RunKey
from pipeline.store.contract import (
    Busy,
    Claim,
    Claimed,
    ClaimedInvalid,
    Finished,
    Lease,
    RunRow,
    Submission,
)
from pipeline.threads import STORE
from pipeline.worker.credentials import CredentialsGate
from pipeline.worker.execution import Interruption
from pipeline.worker.heartbeat import Heartbeat
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.slots import Slot, Slots

log = logging.getLogger(__name__)

#: Seconds after which a message for a newer worker is delivered again.
NEWER_SCHEMA_DELAY = 120.0
#: Longest delay, in seconds, of a message whose run another delivery holds, or that could not be
#: handled.
MAX_DELAY = 900.0
#: Seconds, per receive so far, by which a message that could not be handled is deferred.
FAILURE_DELAY = 30.0
#: Minimum seconds, per receive so far, by which a message is deferred while another delivery holds
#: its run: the message must not reach the queue's maximum receive count before that run has ended.
BUSY_DELAY = 5.0
#: Receives after which a message that is deferred is replaced by a copy: fewer than the queue's
#: maximum receive count, which is at least 20 (``max_receives`` in terraform/variables.tf).
RENEWED_AFTER = 15
#: Crashes of a run's worker after which it runs alone, so that its neighbours are not blamed.
EXCLUSIVE_AFTER = 2
#: How often the release of a lease is tried if the store does not answer.
RELEASE_TRIES = 12


class DeliveryHandler:
    """Handles each delivery in its slot until its message is deleted, released or deferred."""

    def __init__(
        self,
        tools: WorkerTools,
        options: WorkerOptions,
        slots: Slots,
        heartbeat: Heartbeat,
        extender: VisibilityExtender,
        credentials: CredentialsGate,
        clock: Clock,
    ):
        self._queue = tools.queue
        self._store = tools.store
        self._engine = tools.engine
        self._publisher = tools.publisher
        self._protect = tools.protect
        self._visibility = options.visibility_timeout
        self._max_crashes = options.max_crashes
        self._slots = slots
        self._heartbeat = heartbeat
        self._extender = extender
        self._credentials = credentials
        self._clock = clock
        self.store_suspect = True
        """The store may be down: check it before receiving more messages, since SQS counts each
        receive."""

    async def handle(self, slot: Slot) -> None:
        with telemetry.bound(message_id=slot.delivery.message_id):
            try:
                await self._process(slot)
            except Exception as error:
                text = "the message could not be handled; it will be delivered again later: %s"
                log.error(text, describe(error), exc_info=judge(error).counts)
                self.store_suspect = True
                await self._defer_after_failure(slot)
            finally:
                self._slots.close(slot)

    async def _process(self, slot: Slot) -> None:
        seconds_left = slot.delivery.not_before - self._clock.now()
        if seconds_left > 0:
            await self._defer(slot, seconds_left)
            return
        try:
            submission = _read(slot.delivery)
        except UnreadableMessage as error:
            await self._dead_letter(slot, str(error))
            return
        except NewerSchema as error:
            log.warning("%s; the message waits for a newer worker", error)
            await self._defer(slot, NEWER_SCHEMA_DELAY)
            return
        with telemetry.bound(job_id=submission.job_id):
            claim = await self._claim(slot, submission)
            match claim:
                case None:
                    await self._release_message(slot)
                case Busy(until):
                    await self._defer_while_busy(slot, until)
                case Finished(run):
                    with _bound_to(run):
                        await self._republish(slot, run, submission)
                case ClaimedInvalid(lease=lease, run=run):
                    with _bound_to(run):
                        async with self._hold(slot, lease):
                            result = await self._engine.reject(claim)
                        await self._finish(slot, result)
                case Claimed(run=run):
                    with _bound_to(run):
                        await self._process_run(slot, claim, submission)

    async def _claim(self, slot: Slot, submission: Submission) -> Claim | None:
        """Claim the run. One that has killed workers first waits until no other run is in progress.

        Returns None if the worker stops in the meantime.
        """
        is_invalid = isinstance(submission.job, InvalidJob)
        while True:
            claim = await STORE.run(self._store.claim, submission, lease_seconds=self._visibility)
            if slot.exclusive or is_invalid or not isinstance(claim, Claimed):
                return claim
            if not EXCLUSIVE_AFTER <= claim.run.crashes < self._max_crashes:
                return claim
            log.warning("%d workers died with this run; it waits to run alone", claim.run.crashes)
            # It waits without a lease: if a neighbour kills the worker now, that is not its crash.
            await self._release_lease(claim.lease)
            async with self._hold(slot):
                exclusive = await self._slots.wait_for_exclusivity(slot)
            if not exclusive:
                return None

    async def _process_run(self, slot: Slot, claimed: Claimed, submission: Submission) -> None:
        """Execute the run, or end it if it can't be executed."""
        run = claimed.run
        if claimed.body_differs:
            log.warning("another body stands under this job_id and is used")
        if isinstance(submission.job, InvalidJob):
            await self._release_lease(claimed.lease)
            reason = f"{submission.job}; another, valid job is stored under its job_id"
            await self._dead_letter(slot, reason)
        elif run.crashes >= self._max_crashes:
            reason = f"its worker died {run.crashes} times; replay with a new replay id when fixed"
            result = await self._engine.give_up(claimed, reason)
            await self._finish(slot, result)
        else:
            if run.deliveries == 1:
                slot.queue_wait = max(self._clock.now() - slot.delivery.sent_at, 0.0)
            await self._execute_run(slot, claimed)

    async def _execute_run(self, slot: Slot, claimed: Claimed) -> None:
        try:
            with self._protect():
                answer = await self._execute(slot, claimed)
        except LeaseLost as error:
            log.warning("stopped: %s", error)
            # If no other delivery has claimed the run, this must not count as a crash.
            await self._release_lease(claimed.lease)
            return
        except Exception:
            self.store_suspect = True
            await self._release_lease(claimed.lease)
            raise
        match answer:
            case Ended(result):
                await self._finish(slot, result)
            case Deferred():
                log.info("deferred by %.0f s: %s", answer.delay, answer.reason)
                if answer.credentials_refused:
                    self._credentials.suspect()
                await self._release_lease(claimed.lease)
                await self._defer_run(slot, answer.delay)
            case None:
                log.info("interrupted: %s", slot.execution.interruption)
                await self._release_lease(claimed.lease)
                await self._release_message(slot)

    async def _execute(self, slot: Slot, claimed: Claimed) -> Ended | Deferred | None:
        """Execute the run under a heartbeat. Return None if it was interrupted.

        Raises:
            LeaseLost: another delivery owns the run.
        """
        seconds = self._queue.time_left(slot.delivery) - 2 * self._visibility
        async with self._hold(slot, claimed.lease):
            return await slot.execution.run(
                lambda: self._engine.execute(claimed), seconds=max(seconds, 0.0)
            )

    @asynccontextmanager
    async def _hold(self, slot: Slot, lease: Lease | None = None) -> AsyncIterator[None]:
        """Keep the message hidden, and the lease (if any) live, while entered."""

        def beat() -> bool:
            cancel_requested = False
            if lease is not None:
                cancel_requested = self._store.renew(lease, lease_seconds=self._visibility)
            try:
                self._extender.extend(slot.delivery)
            except Exception as error:
                # The message may be delivered again, but the lease still protects the run.
                message_id = slot.delivery.message_id
                log.warning("message %s could not be extended: %s", message_id, describe(error))
            return cancel_requested

        def interrupt(interruption: Interruption, detail: str) -> None:
            log.warning("message %s: %s %s", slot.delivery.message_id, interruption, detail)
            slot.execution.interrupt(interruption, detail)

        key = lease.token if lease else slot.delivery.message_id
        async with self._heartbeat.hold(key, beat, interrupt):
            yield

    async def _finish(self, slot: Slot, result: RunResult) -> None:
        """Settle the message, now that the outcome and its event are stored."""
        log.info("ended: %s: %s", result.outcome, result.reason)
        metrics.log_run(result, slot.queue_wait)
        self._publisher.wake(RunKey(result.job_id, result.generation))
        if result.outcome is Outcome.FAILED:
            await self._bury(slot, RunKey(result.job_id, result.generation), result.reason)
        else:
            await self._delete(slot)

    async def _republish(self, slot: Slot, run: RunRow, submission: Submission) -> None:
        """Publish the event of a finished run again, and settle the message. Nothing is spent."""
        if isinstance(submission.job, InvalidJob) and run.body != submission.body:
            # The run's event is not about this message, which has no run of its own.
            reason = f"{submission.job}; another job has ended under its job_id"
            await self._dead_letter(slot, reason)
            return
        log.info("the run has already finished (%s); its event is published again", run.outcome)
        await self._publisher.republish(run)
        if run.outcome == Outcome.FAILED and not run.dead_lettered:
            # The worker that ended the run died before it dead-lettered the message.
            await self._bury(slot, run.key, run.reason or "failed")
        else:
            await self._delete(slot)

    async def _bury(self, slot: Slot, key: RunKey, reason: str) -> None:
        """Move the message of a failed run to the dead-letter queue. The same job may be sent any
        number of times: one letter is enough to replay it.
        """
        log.warning("moving the message to the dead-letter queue: %s", reason)
        attributes = {FAILED_GENERATION: str(key.generation)}
        await self._queue.to_dead_letters(slot.delivery, reason, attributes)
        await STORE.run(self._store.mark_dead_lettered, key)
        await self._delete(slot)

    async def _dead_letter(self, slot: Slot, reason: str) -> None:
        """Move a message that has no run of its own to the dead-letter queue."""
        log.warning("moving the message to the dead-letter queue: %s", reason)
        await self._queue.to_dead_letters(slot.delivery, reason)
        await self._delete(slot)

    async def _delete(self, slot: Slot) -> None:
        await self._settle(slot, self._queue.delete)

    async def _release_message(self, slot: Slot) -> None:
        """Make the message visible at once, for this worker or another."""
        if self._slots.stopping.is_set():
            await self._slots.polling_ended.wait()
        await self._settle(slot, self._queue.release)

    async def _defer(self, slot: Slot, seconds: float) -> None:
        await self._settle(slot, lambda delivery: self._queue.change_visibility(delivery, seconds))

    async def _defer_run(self, slot: Slot, seconds: float) -> None:
        """Deliver the message again in ``seconds``, or a copy of it, whose receives SQS counts from
        zero: SQS itself must not dead-letter a run that only waits.
        """
        if slot.delivery.receive_count < RENEWED_AFTER:
            await self._defer(slot, seconds)
            return
        await self._queue.send_copy(slot.delivery, seconds, self._clock.now())
        await self._delete(slot)

    async def _defer_while_busy(self, slot: Slot, until: float) -> None:
        log.info("another delivery holds the run")
        delay = max(until - self._clock.now(), BUSY_DELAY * slot.delivery.receive_count)
        await self._defer(slot, min(delay, MAX_DELAY))

    async def _defer_after_failure(self, slot: Slot) -> None:
        try:
            delay = FAILURE_DELAY * slot.delivery.receive_count
            await self._defer(slot, min(delay, MAX_DELAY))
        except Exception as error:
            reason = describe(error)
            log.warning("not deferred, so it returns after its visibility timeout: %s", reason)

    async def _settle(self, slot: Slot, act: Callable[[Delivery], Awaitable[None]]) -> None:
        """Act on the newest receive, and again if a newer one arrives in the meantime."""
        while True:
            newest = slot.delivery
            await act(newest)
            if slot.delivery is newest:
                return

    async def _release_lease(self, lease: Lease) -> None:
        """Release a lease, and retry while the store is down: a lease that expires counts as a
        crash.
        """
        retry = Backoff(base=1.0, cap=60.0)
        while True:
            last_try = self._slots.stopping.is_set() or retry.failures == RELEASE_TRIES - 1
            try:
                await STORE.run(self._store.release, lease)
                return
            except Exception as error:
                self.store_suspect = True
                delay = retry.fail()
                reason = describe(error)
                log.warning(
                    "the lease could not be released (%d times): %s", retry.failures, reason
                )
            if last_try:
                return
            await self._slots.sleep(delay)


def _bound_to(run: RunRow) -> AbstractContextManager[None]:
    """Add the run's generation and trace to log lines, which have its job_id already. If the sender
    brought a trace, its id is added, too.
    """
    fields: dict[str, str | float] = {"generation": run.generation, "trace": run.key.trace}
    if run.trace.sender is not None:
        fields["trace_id"] = run.trace.trace_id
    return telemetry.bound(**fields)


def _read(delivery: Delivery) -> Submission:
    """Read the message.

    Raises:
        UnreadableMessage, NewerSchema: see each.
    """
    return Submission.read(
        delivery.body,
        redrive_of=delivery.failed_generation,
        owner=delivery.owner,
        traceparent=delivery.traceparent,
    )
