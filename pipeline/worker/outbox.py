"""Publishing the outbox: the pending events of all runs go to SNS at least once."""

import asyncio
import logging
import random
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

import anyio

from pipeline.backoff import Backoff
from pipeline.clock import Clock
from pipeline.errors import describe
from pipeline.job import InvalidJob, Job, NewerSchema, UnreadableMessage, parse_job
from pipeline.outcome import Event, EventType, event_id
from pipeline.queue import BATCH, NotPublished, TopicMessage, Topics
from pipeline.run_key import RunKey
from pipeline.store.contract import PendingEvent, RunRow
from pipeline.store.store import RunStore
from pipeline.threads import STORE

log = logging.getLogger(__name__)

#: Events published together.
PAGE = BATCH
#: Seconds that a new event waits for others, to be published with them.
GATHER_SECONDS = 0.05
#: Parts of SNS's error codes that concern the caller or are temporary, not caused by the event.
_CALLER_ERROR = re.compile("Throttl|Expired|Token|Signature|Credential|Internal|Unavailable")


class Publisher:
    """Publishes pending events. Its SNS client is open while this is entered as an async context.

    ``topic_of`` returns the topic for a job's events, or None. The events of this worker's runs are
    published at once, and those of all runs every ``interval`` seconds: workers that published all
    of them at once would publish most of them several times.
    """

    def __init__(
        self,
        store: RunStore,
        topic_of: Callable[[Job | None], str | None],
        *,
        interval: float = 5.0,
        clock: Clock | None = None,
    ):
        self._store = store
        self._topic_of = topic_of
        self._interval = interval
        self._clock = clock or Clock()
        self._stack = AsyncExitStack()
        self._topics = Topics()
        self._wake = asyncio.Event()
        self._own_events: list[str] = []
        """Ids of events of the runs that were woken."""
        self._drain_due = self._clock.monotonic()
        self._stopping = False
        self._outage = Backoff(base=1.0, cap=60.0, clock=self._clock.monotonic)
        self.pending = 0
        """Events left in the outbox at the last check; a lower bound if the outbox is long."""

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._topics)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def wake(self, run: RunKey) -> None:
        """Publish a run's events now, instead of at the end of the interval."""
        for kind in EventType:
            self._own_events.append(event_id(run, kind))
        self._wake.set()

    def stop(self) -> None:
        """Make ``run`` drain the outbox once more and return."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Publish the events of woken runs, and drain the outbox at each interval, until stopped.

        A cancellation leaves the current row pending: publishing it twice is harmless.
        """
        while True:
            self._wake.clear()
            is_last = self._stopping
            try:
                if is_last or self._clock.monotonic() >= self._drain_due:
                    self._drain_due = self._clock.monotonic() + self._interval
                    self._own_events.clear()
                    await self.drain()
                else:
                    await self._publish_own()
            except Exception:
                log.exception("the outbox could not be read")
            if is_last:
                return
            with anyio.move_on_after(max(self._drain_due - self._clock.monotonic(), 0.0)):
                await self._wake.wait()
                await anyio.sleep(GATHER_SECONDS)

    async def _publish_own(self) -> None:
        """Publish the events of the runs that were woken. What is left is found by ``drain``."""
        own_events = self._own_events
        self._own_events = []
        if not self._outage.due:
            return
        rows = await STORE.run(self._store.still_pending, own_events)
        for start in range(0, len(rows), PAGE):
            await self._publish_rows(rows[start : start + PAGE])
            if self._outage.failures:
                return

    async def drain(self) -> int:
        """Publish every pending event that is due, and return how many were published.

        Events that nobody has tried come first, so that none is late because of others. An event
        that SNS refuses is put aside; if SNS does not answer, all wait.
        """
        published = 0
        while self._outage.due:
            rows = await STORE.run(self._store.pending_events, PAGE)
            if not rows:
                return published + await self._drain_refused()
            count = await self._publish_rows(rows)
            published += count
            self.pending = len(rows) - count
            if self._outage.failures:
                break
        return published

    async def _drain_refused(self) -> int:
        """Try a page of the refused events that are due; more follow at the next drain."""
        rows = await STORE.run(self._store.refused_events, PAGE)
        now = self._clock.now()
        count = await self._publish_rows([row for row in rows if row.due_at <= now])
        self.pending = len(rows) - count
        if count == PAGE:
            self._drain_due = self._clock.monotonic()
            self._wake.set()
        return count

    async def _publish_rows(self, rows: list[PendingEvent]) -> int:
        """Publish events, mark them as published, and return how many were published."""
        if not rows:
            return 0
        if self._outage.failures:
            # Find out with one event whether the outage is over: any of them, since one may fail
            # for a reason of its own.
            rows = [random.choice(rows)]  # noqa: S311 (no secret)
        failures = await self._publish(rows)
        published = [row.event_id for row in rows if row.event_id not in failures]
        if published and not await self._mark_published(published):
            return 0
        await self._handle_failures(rows, failures)
        return len(published)

    async def _publish(self, rows: list[PendingEvent]) -> dict[str, Exception]:
        """Publish events, and return the error of each that SNS did not accept, by its id."""
        messages = []
        for row in rows:
            messages.append(TopicMessage(row.event_id, row.topic_arn, row.body, row.attributes))
        failures = await self._topics.publish(messages)
        if len(rows) == 1 or all(_is_outage(error) for error in failures.values()):
            return failures
        # SNS may refuse a whole batch because of one message, so each is tried once more, alone.
        refused = [message for message in messages if message.id in failures]
        retries = [self._topics.publish([message]) for message in refused]
        failures = {}
        for of_message in await asyncio.gather(*retries):
            failures.update(of_message)
        return failures

    async def _mark_published(self, event_ids: list[str]) -> bool:
        """Mark events as published. Return whether the store did so; if not, they come again."""
        try:
            await STORE.run(self._store.mark_published, *event_ids)
        except Exception as error:
            self._outage.fail()
            log.warning("%d events will be published again: %s", len(event_ids), describe(error))
            return False
        self._outage.reset()
        return True

    async def _handle_failures(
        self, rows: list[PendingEvent], failures: dict[str, Exception]
    ) -> None:
        """Put the events aside that SNS has refused. If it did not answer, note the outage."""
        is_outage = False
        for row in rows:
            error = failures.get(row.event_id)
            if error is None:
                continue
            if _is_outage(error):
                is_outage = True
                log.warning("event %s waits for SNS: %s", row.event_id, describe(error))
            else:
                await self._put_aside(row, error)
        if is_outage:
            self._outage.fail()

    async def republish(self, run: RunRow) -> None:
        """Publish a finished run's event again, byte for byte, marked ``duplicate=true``.

        Errors from botocore pass through, and NotPublished.
        """
        try:
            job = parse_job(run.body)
        except (UnreadableMessage, NewerSchema, InvalidJob):
            job = None
        topic = self._topic_of(job)
        if topic is None or run.event is None:
            return
        attributes = dict(Event.model_validate_json(run.event).attributes)
        attributes["duplicate"] = "true"
        message = TopicMessage(run.job_id, topic, run.event, attributes)
        failures = await self._topics.publish([message])
        for error in failures.values():
            raise error

    async def _put_aside(self, row: PendingEvent, error: Exception) -> None:
        reason = describe(error)
        is_parked = await STORE.run(self._store.refuse_event, row, reason)
        log.warning("event %s was refused (%d times): %s", row.event_id, row.tries + 1, reason)
        if is_parked:
            log.error(
                "event %s is parked: once its topic accepts it, publish it with"
                " `coding-agent queue retry-events`",
                row.event_id,
            )


def _is_outage(error: Exception) -> bool:
    """Return whether SNS did not answer, or would answer the same for any event."""
    if isinstance(error, NotPublished):
        return not error.is_senders or _CALLER_ERROR.search(error.code) is not None
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return True
    if int(response["ResponseMetadata"]["HTTPStatusCode"]) >= 500:
        return True
    code = str(response.get("Error", {}).get("Code"))
    return _CALLER_ERROR.search(code) is not None
