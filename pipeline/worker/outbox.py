"""Publishing the outbox: the pending events of all runs go to SNS at least once."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

import anyio
from pydantic import ValidationError

from pipeline.aws import open_client
from pipeline.backoff import Backoff
from pipeline.errors import describe
from pipeline.job import FixIssueJob
from pipeline.outcome import Event
from pipeline.queue.attributes import text_attribute
from pipeline.store.contract import PendingEvent, RunRow
from pipeline.store.store import RunStore

log = logging.getLogger(__name__)

#: Events published concurrently.
PAGE = 10
#: Parts of SNS's error codes that concern the caller or are temporary, not caused by the event.
_CALLER_ERROR = re.compile("Throttl|Expired|Token|Signature|Credential|Internal|Unavailable")


class Publisher:
    """Publishes pending events. Its SNS client is open while this is entered as an async context.

    ``topic_of`` returns the topic for a job's events, or None; ``interval`` is in seconds.
    """

    def __init__(
        self,
        store: RunStore,
        topic_of: Callable[[FixIssueJob | None], str | None],
        *,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._store = store
        self._topic_of = topic_of
        self._interval = interval
        self._clock = clock
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._outage = Backoff(base=1.0, cap=60.0, clock=clock)
        self._retries: dict[str, Backoff] = {}
        """Event id -> when an event that failed may be tried again."""
        self.pending = 0
        """Events left in the outbox at the last check; a lower bound if the outbox is long."""

    async def __aenter__(self) -> Self:
        self._client = await self._stack.enter_async_context(open_client("sns"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def wake(self) -> None:
        """Publish now instead of at the end of the interval, since there is a new event."""
        self._wake.set()

    def stop(self) -> None:
        """Make ``run`` drain the outbox once more and return."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Drain the outbox until stopped.

        A cancellation leaves the current row pending: publishing it twice is harmless.
        """
        while True:
            self._wake.clear()
            is_last = self._stopping
            try:
                await self.drain()
            except Exception:
                log.exception("the outbox could not be read")
            if is_last:
                return
            with anyio.move_on_after(self._interval):
                await self._wake.wait()

    async def drain(self) -> int:
        """Publish every pending event that is due, and return how many were published.

        An event that SNS refuses stays pending and does not delay others. If SNS does not answer,
        all wait.
        """
        published = 0
        while self._outage.due:
            # Events that wait for a retry are the oldest ones: they must not fill the page.
            limit = PAGE + len(self._retries)
            rows = await asyncio.to_thread(self._store.pending_events, limit)
            is_last_page = len(rows) < limit
            if is_last_page:
                self._forget_missing(rows)
            due = self._select_due(rows)
            successes = await asyncio.gather(*[self._publish_row(row) for row in due])
            count = sum(successes)
            published += count
            self.pending = len(rows) - count
            if is_last_page or count == 0:
                break
        return published

    async def republish(self, run: RunRow) -> None:
        """Publish a finished run's event again, byte for byte, marked ``duplicate=true``.

        Errors from botocore pass through.
        """
        try:
            job = FixIssueJob.model_validate_json(run.body)
        except ValidationError:
            job = None
        topic = self._topic_of(job)
        if topic is None or run.event is None:
            return
        attributes = dict(Event.model_validate_json(run.event).attributes)
        attributes["duplicate"] = "true"
        await self._publish(topic, run.event, attributes)

    def _forget_missing(self, rows: list[PendingEvent]) -> None:
        """Forget the retries of events that another worker has published."""
        pending = {row.event_id for row in rows}
        for event_id in list(self._retries):
            if event_id not in pending:
                del self._retries[event_id]

    def _select_due(self, rows: list[PendingEvent]) -> list[PendingEvent]:
        due = []
        for row in rows:
            retry = self._retries.get(row.event_id)
            if retry is None or retry.due:
                due.append(row)
        # During an outage, try one event to find out whether it is over.
        count = 1 if self._outage.failures else PAGE
        return due[:count]

    async def _publish_row(self, row: PendingEvent) -> bool:
        """Publish one event and mark it as published. Return whether that succeeded."""
        try:
            await self._publish(row.topic_arn, row.body, row.attributes)
            await asyncio.to_thread(self._store.mark_published, row.event_id)
        except Exception as error:
            retry = self._retries.setdefault(
                row.event_id, Backoff(base=1.0, cap=300.0, clock=self._clock)
            )
            retry.fail()
            if _is_outage(error):
                self._outage.fail()
            reason = describe(error)
            log.warning(
                "event %s could not be published (%d times): %s",
                row.event_id,
                retry.failures,
                reason,
            )
            return False
        self._retries.pop(row.event_id, None)
        self._outage.reset()
        return True

    async def _publish(self, topic_arn: str, body: str, attributes: Mapping[str, str]) -> None:
        message_attributes = {name: text_attribute(value) for name, value in attributes.items()}
        await self._client.publish(
            TopicArn=topic_arn, Message=body, MessageAttributes=message_attributes
        )


def _is_outage(error: Exception) -> bool:
    """Return whether SNS or the store did not answer, or would answer the same for any event."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return True
    if int(response["ResponseMetadata"]["HTTPStatusCode"]) >= 500:
        return True
    code = str(response.get("Error", {}).get("Code"))
    return _CALLER_ERROR.search(code) is not None
