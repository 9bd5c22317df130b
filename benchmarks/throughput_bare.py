"""Loops on aioboto3 and the store that do what a worker must, and nothing else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from benchmarks.throughput_setting import POLL, VISIBILITY, Setting
from pipeline.aws import open_client
from pipeline.job import parse_job
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.queue import BATCH
from pipeline.store.contract import Claimed, Submission
from pipeline.store.sqlite import SqliteStore

T = TypeVar("T")

#: Threads that write to the store at once: SQLite has one writer, and several share its commits.
SINGLE_WRITER = 1
SHARED_COMMITS = BATCH


class BareLoop:
    """One call and one commit for each step of each job."""

    threads = SINGLE_WRITER

    def __init__(self, setting: Setting):
        self._setting = setting
        self._store = SqliteStore(setting.folder / "store.sqlite")
        self._threads = ThreadPoolExecutor(self.threads)
        self._sqs: Any = None
        self._sns: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            self._sqs = await stack.enter_async_context(open_client("sqs"))
            self._sns = await stack.enter_async_context(open_client("sns"))
            count = max(self._setting.concurrency // BATCH, 1)
            loops = [self._loop(stop) for _ in range(count)]
            await asyncio.gather(*loops)
        self._store.close()

    async def _loop(self, stop: asyncio.Event) -> None:
        url = self._setting.queue_url
        while not stop.is_set():
            response = await self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=POLL,
                VisibilityTimeout=VISIBILITY,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            messages = response.get("Messages", [])
            if not messages:
                continue
            await self._work([message["Body"] for message in messages])
            entries = []
            for number, message in enumerate(messages):
                entries.append({"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]})
            await self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    async def _work(self, bodies: list[str]) -> None:
        await asyncio.gather(*[self._run_and_publish(body) for body in bodies])

    async def _run_and_publish(self, body: str) -> None:
        event = await self._run_job(body)
        await self._sns.publish(TopicArn=self._setting.topic_arn, **_message(event))
        await self._write(lambda: self._store.mark_published(event.id))

    async def _run_job(self, body: str) -> Event:
        claimed = await self._write(lambda: self._claim(body))
        result = RunResult(
            job_id=claimed.run.job_id,
            generation=claimed.run.generation,
            issue_url=claimed.run.issue_url,
            repository=claimed.run.repository,
            outcome=Outcome.NO_FIX,
            reason="there was nothing to do",
            trace=claimed.lease.key.trace,
        )
        event = Event.about(result, "2026-01-01T00:00:00.000Z")
        topic_arn = self._setting.topic_arn
        await self._write(lambda: self._store.finish(claimed.lease, result, event, topic_arn))
        return event

    def _claim(self, body: str) -> Claimed:
        submission = Submission.of(parse_job(body))
        claim = self._store.claim(submission, lease_seconds=VISIBILITY)
        assert isinstance(claim, Claimed)
        return claim

    async def _write(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


class BatchedLoop(BareLoop):
    """The jobs of a receive share calls and commits, as a worker's do."""

    threads = SHARED_COMMITS

    async def _work(self, bodies: list[str]) -> None:
        events = await asyncio.gather(*[self._run_job(body) for body in bodies])
        entries = [{"Id": str(number), **_message(event)} for number, event in enumerate(events)]
        await self._sns.publish_batch(
            TopicArn=self._setting.topic_arn, PublishBatchRequestEntries=entries
        )
        ids = [event.id for event in events]
        await self._write(lambda: self._store.mark_published(*ids))


LOOPS: dict[str, type[BareLoop]] = {"bare": BareLoop, "bare, batched": BatchedLoop}


def _message(event: Event) -> dict[str, Any]:
    attributes = {}
    for name, value in event.attributes.items():
        attributes[name] = {"DataType": "String", "StringValue": value}
    return {"Message": event.model_dump_json(), "MessageAttributes": attributes}
