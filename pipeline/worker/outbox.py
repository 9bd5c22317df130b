"""The outbox's way out: pending events, whoever's run they tell of, published to SNS at least once."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

from pydantic import ValidationError

from pipeline.aws import limits, region
from pipeline.errors import backoff, describe
from pipeline.job import FixIssueJob
from pipeline.outcome import Event
from pipeline.store.contract import PendingEvent, RunRow, RunStore

log = logging.getLogger(__name__)

PAGE = 10
_CALLER = re.compile("Throttl|Expired|Token|Signature|Credential|Internal|Unavailable")
"""In SNS's codes of errors that are about the caller or the moment, not the event."""


class Publisher:
    """One SNS client, kept open while entered as an async context.

    ``topic_of`` says where a job's events go (None: nowhere); ``interval`` is in seconds.
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
        self._poked = asyncio.Event()
        self._stopping = False
        self._failures: dict[str, tuple[int, float]] = {}
        """Event id -> how often it failed, and when it may be tried again."""
        self._outages = 0
        self._silent_until = clock()
        self.pending = 0
        """Events that the last look at the outbox left there; of a long outbox not all are counted."""

    async def __aenter__(self) -> Self:
        import aioboto3
        from aiobotocore.config import AioConfig

        client = aioboto3.Session().client(
            "sns", region_name=region(), config=AioConfig(**limits())
        )
        self._client = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def poke(self) -> None:
        """An event was put into the outbox: don't wait for the interval's end."""
        self._poked.set()

    def stop(self) -> None:
        """Let ``run`` drain once more and end."""
        self._stopping = True
        self.poke()

    async def run(self) -> None:
        """Drain the outbox until stopped. Cancelled, it leaves the row it was at pending: twice is
        harmless.
        """
        while True:
            self._poked.clear()
            last = self._stopping
            try:
                await self.drain()
            except Exception:
                log.exception("the outbox could not be read")
            if last:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    self._interval
                ):  # wait_for of Python 3.11 can swallow a cancellation
                    await self._poked.wait()

    async def drain(self) -> int:
        """Publish what is pending and due, and give how many. An event that SNS refuses stays pending, and stops no
        other; where SNS does not answer, all wait."""
        published = 0
        while self._clock() >= self._silent_until:
            # Rows that wait for their next try are the oldest: they must not fill the page.
            limit = PAGE + len(self._failures)
            rows = await asyncio.to_thread(self._store.pending_events, limit)
            if len(rows) < limit:
                still = {row.event_id for row in rows}  # another worker may have published the rest
                self._failures = {
                    key: failure for key, failure in self._failures.items() if key in still
                }
            due = [row for row in rows if self._due(row)]
            # After an outage one row finds out whether it is over.
            done = sum(
                await asyncio.gather(
                    *map(self._publish_row, due[:1] if self._outages else due[:PAGE])
                )
            )
            published = published + done
            self.pending = len(rows) - done
            if len(rows) < limit or not done:
                break
        return published

    async def publish_again(self, run: RunRow) -> None:
        """Publish a finished run's event again, byte for byte, marked ``duplicate=true``. Errors
        are botocore's.
        """
        try:
            job = FixIssueJob.model_validate_json(run.body)
        except ValidationError:
            job = None
        topic = self._topic_of(job)
        if topic is not None and run.event is not None:
            told = Event.model_validate_json(run.event).attributes
            await self._publish(topic, run.event, told | {"duplicate": "true"})

    def _due(self, row: PendingEvent) -> bool:
        return self._clock() >= self._failures.get(row.event_id, (0, 0.0))[1]

    async def _publish_row(self, row: PendingEvent) -> bool:
        try:
            await self._publish(row.topic_arn, row.body, row.attributes)
            await asyncio.to_thread(self._store.mark_published, row.event_id)
        except Exception as error:
            failures = self._failures.get(row.event_id, (0, 0.0))[0] + 1
            delay = backoff(failures, base=1.0, cap=300.0)
            self._failures[row.event_id] = (failures, self._clock() + delay)
            if _outage(error):
                self._outages += 1
                self._silent_until = self._clock() + backoff(self._outages, base=1.0, cap=60.0)
            log.warning(
                "event %s is not published (%d times): %s", row.event_id, failures, describe(error)
            )
            return False
        self._failures.pop(row.event_id, None)
        self._outages = 0
        return True

    async def _publish(self, topic_arn: str, body: str, attributes: Mapping[str, str]) -> None:
        named = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        }
        await self._client.publish(TopicArn=topic_arn, Message=body, MessageAttributes=named)


def _outage(error: Exception) -> bool:
    """SNS or the store gave no answer, or one that no other event would fare better with."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return True
    code = str(answer.get("Error", {}).get("Code"))
    return (
        int(answer["ResponseMetadata"]["HTTPStatusCode"]) >= 500 or _CALLER.search(code) is not None
    )
