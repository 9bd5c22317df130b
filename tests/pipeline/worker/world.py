"""A worker against moto's SQS and SNS, the real store and a scripted engine."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.clock import Clock
from pipeline.engine.engine import Deferred, Ended
from pipeline.job import FixIssueJob
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.queue import Delivery, SqsQueue
from pipeline.store.contract import Busy, Claimed, ClaimedInvalid, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker
from tests.stand_ins.aws import Aws, Queue, Topic

PATIENCE = 20.0
VISIBILITY = 60


class StillClock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Action(NamedTuple):
    """An action of a worker on a message."""

    kind: str
    """deleted, released or deferred"""
    delivery: Delivery
    seconds: float
    """For how long the message is hidden."""


class WatchedQueue(SqsQueue):
    """The real queue, recording each delivery and each action of the worker."""

    def __init__(self, url: str):
        super().__init__(url, visibility_timeout=VISIBILITY)
        self.received: asyncio.Queue[Delivery] = asyncio.Queue()
        self.actions: asyncio.Queue[Action] = asyncio.Queue()
        self.let_poll_return = asyncio.Event()
        self.let_poll_return.set()
        self.has_received = asyncio.Event()
        self.failures = 0

    async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("SQS is down")
        deliveries = await super().receive(max_messages, wait_seconds)
        for delivery in deliveries:
            self.received.put_nowait(delivery)
        if deliveries:
            self.has_received.set()
            await self.let_poll_return.wait()
        return deliveries

    async def delete(self, *deliveries: Delivery) -> None:
        await super().delete(*deliveries)
        for delivery in deliveries:
            self.actions.put_nowait(Action("deleted", delivery, 0))

    async def release(self, *deliveries: Delivery) -> None:
        await super().release(*deliveries)
        for delivery in deliveries:
            self.actions.put_nowait(Action("released", delivery, 0))

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        await super().change_visibility(delivery, seconds)
        self.actions.put_nowait(Action("deferred", delivery, seconds))

    async def next_delivery(self) -> Delivery:
        return await asyncio.wait_for(self.received.get(), PATIENCE)

    async def next_action(self) -> Action:
        return await asyncio.wait_for(self.actions.get(), PATIENCE)


Script = Callable[[Claimed], Awaitable[Ended | Deferred]]


class ScriptedEngine:
    """Execute claims by ``script``, recording each that begins and each that is cancelled."""

    def __init__(self, store: SqliteStore, topic_arn: str):
        self._store = store
        self._topic_arn = topic_arn
        self.script: Script = self.solve
        self._begun: asyncio.Queue[Claimed] = asyncio.Queue()
        self._cancelled: asyncio.Queue[Claimed] = asyncio.Queue()
        self.executed: list[Claimed] = []
        self.running = 0
        self.most_running = 0

    async def execute(self, claimed: Claimed) -> Ended | Deferred:
        self.executed.append(claimed)
        self._begun.put_nowait(claimed)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return await self.script(claimed)
        except asyncio.CancelledError:
            self._cancelled.put_nowait(claimed)
            raise
        finally:
            self.running -= 1

    async def reject(self, claimed: ClaimedInvalid) -> RunResult:
        error = claimed.error
        return self.end(claimed, Outcome.REJECTED, str(error), error.metadata).result

    async def give_up(self, claimed: Claimed, reason: str) -> RunResult:
        return self.end(claimed, Outcome.FAILED, reason).result

    def end(
        self,
        claimed: Claimed | ClaimedInvalid,
        outcome: Outcome,
        reason: str = "scripted",
        metadata: dict[str, str] | None = None,
    ) -> Ended:
        result = RunResult(
            job_id=claimed.run.job_id,
            generation=claimed.run.generation,
            issue_url=claimed.run.issue_url,
            repository=claimed.run.repository,
            outcome=outcome,
            reason=reason,
            metadata=metadata or {},
            trace="t",
        )
        event = Event.about(result, "2026-01-01T00:00:00Z")
        self._store.finish(claimed.lease, result, event, self._topic_arn)
        return Ended(result)

    async def solve(self, claimed: Claimed) -> Ended:
        return self.end(claimed, Outcome.PR_OPENED)

    async def fail(self, claimed: Claimed) -> Ended:
        return self.end(claimed, Outcome.FAILED, "GitHub was down")

    async def forever(self, claimed: Claimed) -> Ended:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets that event")

    async def next_begun(self) -> Claimed:
        return await asyncio.wait_for(self._begun.get(), PATIENCE)

    async def next_cancelled(self) -> Claimed:
        return await asyncio.wait_for(self._cancelled.get(), PATIENCE)

    async def assert_none_begins(self) -> None:
        await assert_stays_empty(self._begun)


@dataclass
class World:
    aws: Aws
    store: SqliteStore
    clock: StillClock
    queue_stand_in: Queue
    topic: Topic
    engine: ScriptedEngine
    queue: WatchedQueue
    publisher: Publisher
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    credentials_error: Exception | None = None
    """What the check of the credentials raises."""

    def check_credentials(self) -> None:
        if self.credentials_error is not None:
            raise self.credentials_error

    def worker(
        self,
        *,
        protect: Callable[[], AbstractContextManager[None]] = nullcontext,
        monotonic: Callable[[], float] = time.monotonic,
        **changes: Any,
    ) -> Worker:
        options = WorkerOptions(
            concurrency=2,
            visibility_timeout=VISIBILITY,
            data_dir=Path("no-such-folder"),
            poll_seconds=0,
            heartbeat_seconds=0.01,
        )
        tools = WorkerTools(
            self.queue,
            self.store,
            self.engine,
            self.publisher,
            protect,
            self.check_credentials,
        )
        clock = Clock(now=self.clock, monotonic=monotonic)
        return Worker(tools, replace(options, **changes), clock)

    @asynccontextmanager
    async def working(self, **changes: Any) -> AsyncIterator["asyncio.Task[None]"]:
        """Run a worker. It is stopped when the block ends, and must end then."""
        worker = self.worker(**changes)
        running = asyncio.create_task(worker.run(self.stop))
        try:
            yield running
        finally:
            self.stop.set()
            await asyncio.wait_for(running, PATIENCE)

    async def send(self, message: str | FixIssueJob, **attributes: str) -> str:
        body = message if isinstance(message, str) else message.to_json()
        return await self.queue.send(body, attributes)

    def claim(self, job: FixIssueJob) -> Claimed:
        """Claim the job's run as another worker would; the claim must win."""
        claim = self.store.claim(Submission.of(job), lease_seconds=VISIBILITY)
        assert isinstance(claim, Claimed), claim
        return claim

    def is_busy(self, job: FixIssueJob) -> bool:
        claim = self.store.claim(Submission.of(job), lease_seconds=VISIBILITY)
        return isinstance(claim, Busy)

    def dead_letters(self) -> list[tuple[str, dict[str, str]]]:
        """Return each dead letter's body and its attributes' texts."""
        letters = []
        for message in self.aws.messages(self.queue_stand_in.dead_letters_url):
            attributes = {}
            for name, value in message.get("MessageAttributes", {}).items():
                attributes[name] = value["StringValue"]
            letters.append((message["Body"], attributes))
        return letters

    def depth(self) -> tuple[int, int]:
        return self.aws.depth(self.queue_stand_in.url)


async def assert_stays_empty(queue: "asyncio.Queue[Any]") -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.3)


def kill_workers(world: World, job: FixIssueJob, times: int) -> None:
    """Claim the run once for each worker that died: the leases are never released."""
    for _ in range(times):
        world.claim(job)
        world.clock.now += VISIBILITY + 1


def hold_runs(world: World, *numbers: int) -> dict[int, asyncio.Event]:
    """Make the runs of these issues wait for their event; others end at once."""
    gates = {number: asyncio.Event() for number in numbers}

    async def script(claimed: Claimed) -> Ended:
        number = int(claimed.run.issue_url.rpartition("/")[2])
        if number in gates:
            await gates[number].wait()
        return await world.engine.solve(claimed)

    world.engine.script = script
    return gates
