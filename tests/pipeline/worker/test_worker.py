"""The worker against moto's SQS and SNS, the real store and a scripted engine."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.clock import Clock
from pipeline.engine.engine import Deferred, Ended
from pipeline.errors import LeaseLost
from pipeline.job import FixIssueJob
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.queue import FAILED_GENERATION, REASON, Delivery, SqsQueue, VisibilityExtender
from pipeline.store.contract import Busy, Claimed, ClaimedInvalid, Finished, Lease, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.telemetry import METRICS
from pipeline.worker.deliveries import NEWER_SCHEMA_DELAY
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker
from tests.stand_ins import aws as stand_in
from tests.stand_ins.aws import Aws, Queue, Topic

aws = stand_in.aws
aws_server = stand_in.aws_server
PATIENCE = 20.0
VISIBILITY = 60


def job(number: int = 42, **fields: object) -> FixIssueJob:
    return FixIssueJob.model_validate(
        {"issue_url": f"https://github.com/octo/repo/issues/{number}"} | fields
    )


class StillClock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class WatchedQueue(SqsQueue):
    """The real queue, telling what was received and what was done with each message."""

    def __init__(self, url: str, **options: object):
        super().__init__(url, visibility_timeout=VISIBILITY, **options)
        self.received: asyncio.Queue[Delivery] = asyncio.Queue()
        self.done: asyncio.Queue[tuple[str, Delivery, float]] = asyncio.Queue()
        self.hold = asyncio.Event()
        self.hold.set()
        self.brought = asyncio.Event()
        self.failures = 0

    async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("SQS is down")
        deliveries = await super().receive(max_messages, wait_seconds)
        for delivery in deliveries:
            self.received.put_nowait(delivery)
        if deliveries:
            self.brought.set()
            await self.hold.wait()
        return deliveries

    async def delete(self, *deliveries: Delivery) -> None:
        await super().delete(*deliveries)
        for delivery in deliveries:
            self.done.put_nowait(("deleted", delivery, 0))

    async def release(self, *deliveries: Delivery) -> None:
        await super().release(*deliveries)
        for delivery in deliveries:
            self.done.put_nowait(("released", delivery, 0))

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        await super().change_visibility(delivery, seconds)
        self.done.put_nowait(("put back", delivery, seconds))

    async def next(self) -> tuple[str, Delivery, float]:
        return await asyncio.wait_for(self.done.get(), PATIENCE)


Script = Callable[[Claimed], Awaitable[Ended | Deferred]]


class ScriptedEngine:
    """Does what ``script`` says; ``begun`` tells each claim it was given, ``stopped`` each it was
    cancelled in.
    """

    def __init__(self, store: SqliteStore, topic_arn: str):
        self._store = store
        self._topic_arn = topic_arn
        self.script: Script = self.solve
        self.begun: asyncio.Queue[Claimed] = asyncio.Queue()
        self.stopped: asyncio.Queue[Claimed] = asyncio.Queue()
        self.executed: list[Claimed] = []
        self.running = self.most = 0

    async def execute(self, claimed: Claimed) -> Ended | Deferred:
        self.executed.append(claimed)
        self.begun.put_nowait(claimed)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await self.script(claimed)
        except asyncio.CancelledError:
            self.stopped.put_nowait(claimed)
            raise
        finally:
            self.running -= 1

    async def reject(self, claimed: ClaimedInvalid) -> RunResult:
        return self.end(
            claimed, Outcome.REJECTED, str(claimed.error), claimed.error.metadata
        ).result

    async def give_up(self, claimed: Claimed, reason: str) -> RunResult:
        return self.end(claimed, Outcome.FAILED, reason).result

    def end(
        self,
        claimed: Claimed | ClaimedInvalid,
        outcome: Outcome,
        reason: str = "so it is",
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
        self._store.finish(
            claimed.lease, result, Event.about(result, "2026-01-01T00:00:00Z"), self._topic_arn
        )
        return Ended(result)

    async def solve(self, claimed: Claimed) -> Ended:
        return self.end(claimed, Outcome.PR_OPENED)

    async def fail(self, claimed: Claimed) -> Ended:
        return self.end(claimed, Outcome.FAILED, "GitHub was down")

    async def forever(self, claimed: Claimed) -> Ended:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets that event")

    async def next(self) -> Claimed:
        return await asyncio.wait_for(self.begun.get(), PATIENCE)


@dataclass
class World:
    aws: Aws
    store: SqliteStore
    clock: StillClock
    made: Queue
    topic: Topic
    engine: ScriptedEngine
    queue: WatchedQueue
    publisher: Publisher
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def worker(self, *, protect=nullcontext, monotonic=time.monotonic, **options: Any) -> Worker:
        defaults: dict[str, Any] = {
            "concurrency": 2,
            "visibility_timeout": VISIBILITY,
            "poll_seconds": 0,
            "heartbeat_seconds": 0.01,
        }
        tools = WorkerTools(self.queue, self.store, self.engine, self.publisher, protect)
        clock = Clock(now=self.clock, monotonic=monotonic)
        return Worker(tools, WorkerOptions(**(defaults | options)), clock)

    @asynccontextmanager
    async def working(self, **options: object) -> AsyncIterator["asyncio.Task[None]"]:
        """A worker at work; it is stopped, and must end, when the block does."""
        worker = self.worker(**options)
        running = asyncio.create_task(worker.run(self.stop))
        try:
            yield running
        finally:
            self.stop.set()
            await asyncio.wait_for(running, PATIENCE)

    async def send(self, body: str | FixIssueJob, **attributes: str) -> str:
        return await self.queue.send(body if isinstance(body, str) else body.to_json(), attributes)

    def claim(self, wanted: FixIssueJob) -> Claimed | Busy | Finished:
        return self.store.claim(Submission.of(wanted), lease_seconds=VISIBILITY)

    def dead_letters(self) -> list[tuple[str, dict[str, str]]]:
        return [
            (
                m["Body"],
                {
                    name: value["StringValue"]
                    for name, value in m.get("MessageAttributes", {}).items()
                },
            )
            for m in self.aws.messages(self.made.dead_letters_url)
        ]

    def depth(self) -> tuple[int, int]:
        return self.aws.depth(self.made.url)


async def nothing_from(queue: asyncio.Queue) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.3)


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.backoff.backoff", lambda failures, *, base, cap: 0.0)


@pytest.fixture
async def world(aws: Aws, tmp_path: Path) -> AsyncIterator[World]:
    clock = StillClock()
    store = SqliteStore(tmp_path / "store.db", clock=clock)
    made = aws.make_queue()
    topic = aws.make_topic()
    async with WatchedQueue(made.url) as queue, Publisher(store, lambda _: topic.arn) as publisher:
        yield World(
            aws, store, clock, made, topic, ScriptedEngine(store, topic.arn), queue, publisher
        )
    store.close()


async def test_a_job_runs_its_message_is_deleted_and_its_event_published(world: World):
    await world.send(job())
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"
    assert world.depth() == (0, 0)
    ((body, attributes),) = world.aws.events(world.topic)
    assert json.loads(body)["data"]["outcome"] == attributes["outcome"] == "pr_opened"


async def test_a_second_message_of_a_running_job_is_put_back(world: World):
    go_on = asyncio.Event()

    async def wait(claimed: Claimed) -> Ended:
        await go_on.wait()
        return world.engine.end(claimed, Outcome.PR_OPENED)

    world.engine.script = wait
    async with world.working():
        await world.send(job())
        await world.engine.next()
        second = await world.send(job())
        what, delivery, seconds = await world.queue.next()
        assert (what, delivery.message_id) == ("put back", second)
        assert 0 < seconds <= VISIBILITY
        go_on.set()
        what, delivery, _ = await world.queue.next()
        assert what == "deleted"
        assert delivery.message_id != second
    assert len(world.engine.executed) == 1


async def test_a_message_delivered_again_while_in_work_is_deleted_with_its_newest_handle(
    world: World,
):
    go_on = asyncio.Event()

    async def wait(claimed: Claimed) -> Ended:
        await go_on.wait()
        return world.engine.end(claimed, Outcome.PR_OPENED)

    world.engine.script = wait
    # A heartbeat that never comes: only the test moves the message's visibility.
    async with world.working(heartbeat_seconds=3600):
        await world.send(job())
        first = await asyncio.wait_for(world.queue.received.get(), PATIENCE)
        await world.engine.next()
        await SqsQueue.release(world.queue, first)
        second = await asyncio.wait_for(world.queue.received.get(), PATIENCE)
        assert second.message_id == first.message_id
        go_on.set()
        what, deleted, _ = await world.queue.next()
        assert (what, deleted.receipt_handle) == ("deleted", second.receipt_handle)
    assert len(world.engine.executed) == 1


async def test_a_finished_job_is_told_again_byte_for_byte_and_costs_nothing(world: World):
    async with world.working():
        await world.send(job())
        await world.queue.next()
        await world.send(job())
        assert (await world.queue.next())[0] == "deleted"
    assert len(world.engine.executed) == 1
    events = world.aws.events(world.topic)
    assert sorted("duplicate" in attributes for _, attributes in events) == [False, True]
    assert len({body for body, _ in events}) == 1
    assert world.depth() == (0, 0)


@pytest.mark.parametrize(
    "body", ["no JSON ü", "[]", '{"issue_url": "https://example.com/x"}', "{}", "nul\ud7ff"]
)
async def test_a_message_that_is_no_job_is_put_aside_untouched_at_its_first_receive(
    world: World, body: str
):
    await world.send(body, sender="billing")
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"
    ((kept, attributes),) = world.dead_letters()
    assert kept == body
    assert attributes["sender"] == "billing"
    assert "JSON" in attributes[REASON] or "issue_url" in attributes[REASON]
    assert world.engine.executed == []


async def test_a_message_for_a_newer_worker_waits(world: World):
    await world.send(
        '{"issue_url": "https://github.com/octo/repo/issues/1", "schema_version": 99, "new": {}}'
    )
    async with world.working():
        what, _, seconds = await world.queue.next()
        assert (what, seconds) == ("put back", NEWER_SCHEMA_DELAY)
    assert (world.depth(), world.dead_letters()) == ((0, 1), [])


async def test_an_invalid_job_that_names_an_issue_is_rejected_with_the_field(world: World):
    await world.send(
        '{"issue_url": "https://github.com/octo/repo/issues/1", "colour": 1, "metadata": {"team":'
        ' "blue"}}'
    )
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"
    ((body, attributes),) = world.aws.events(world.topic)
    told = json.loads(body)["data"]
    assert (told["outcome"], told["reason"], told["metadata"]) == (
        "rejected",
        "colour: unknown field",
        {"team": "blue"},
    )
    assert (attributes["outcome"], world.depth(), world.dead_letters()) == ("rejected", (0, 0), [])


async def test_an_invalid_message_does_not_end_the_valid_run_under_its_job_id(world: World):
    claimed = world.claim(job(1))
    assert isinstance(claimed, Claimed)
    world.store.release(claimed.lease)
    await world.send('{"issue_url": "https://github.com/octo/repo/issues/1", "colour": 1}')
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"
    ((_, attributes),) = world.dead_letters()
    assert "colour" in attributes[REASON]
    assert isinstance(world.claim(job(1)), Claimed)


async def test_a_failed_run_is_put_aside_and_a_plain_redrive_starts_the_next_generation(
    world: World,
):
    world.engine.script = world.engine.fail
    body = job().to_json()
    await world.send(body)
    async with world.working():
        await world.queue.next()
        ((kept, attributes),) = world.dead_letters()
        assert (kept, attributes) == (body, {REASON: "GitHub was down", FAILED_GENERATION: "0"})
        world.engine.script = world.engine.solve
        await world.send(kept, **attributes)
        assert (await world.queue.next())[0] == "deleted"
    assert [claimed.run.generation for claimed in world.engine.executed] == [0, 1]
    assert (world.depth(), world.dead_letters()) == ((0, 0), [])


async def test_a_message_whose_worker_died_before_putting_it_aside_is_put_aside_later(world: World):
    claimed = world.claim(job())
    assert isinstance(claimed, Claimed)
    world.engine.end(claimed, Outcome.FAILED, "GitHub was down")
    await world.send(job())
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"
    ((_, attributes),) = world.dead_letters()
    assert attributes == {REASON: "GitHub was down", FAILED_GENERATION: "0"}
    assert world.engine.executed == []


async def test_a_deferred_run_gives_its_lease_back_and_its_message_waits(world: World):
    async def defer(claimed: Claimed) -> Deferred:
        return Deferred(77.0, "GitHub's rate limit")

    world.engine.script = defer
    await world.send(job())
    async with world.working():
        what, _, seconds = await world.queue.next()
        assert (what, seconds) == ("put back", 77.0)
        again = world.claim(job())
        assert isinstance(again, Claimed)
        assert again.run.deliveries == 2


async def test_a_run_whose_lease_was_taken_over_is_stopped_and_its_message_left_alone(world: World):
    world.engine.script = world.engine.forever
    await world.send(job())
    async with world.working(heartbeat_seconds=0.05):
        mine = await world.engine.next()
        theirs: object = None
        while not isinstance(theirs, Claimed):  # a beat may come between the two lines, and renew
            world.clock.now += VISIBILITY + 1
            theirs = world.claim(job())
        assert theirs.lease.token != mine.lease.token
        assert await asyncio.wait_for(world.engine.stopped.get(), PATIENCE) is mine
    assert world.queue.done.empty()
    assert world.depth() == (0, 1)
    assert world.store.renew(theirs.lease, lease_seconds=1) is False


async def test_the_heartbeat_renews_the_lease_and_extends_the_message_even_where_sqs_refuses(
    world: World, monkeypatch
):
    loop = asyncio.get_running_loop()
    extended = asyncio.Queue()
    go_on = asyncio.Event()

    def refuse(self: VisibilityExtender, delivery: Delivery) -> None:
        loop.call_soon_threadsafe(extended.put_nowait, delivery)
        raise ConnectionError("SQS is down")

    async def wait(claimed: Claimed) -> Ended:
        await go_on.wait()
        return await world.engine.solve(claimed)

    monkeypatch.setattr(VisibilityExtender, "extend", refuse)
    world.engine.script = wait
    message_id = await world.send(job())
    async with world.working():
        await world.engine.next()
        world.clock.now += VISIBILITY - 1
        for _ in range(3):
            assert (await asyncio.wait_for(extended.get(), PATIENCE)).message_id == message_id
        world.clock.now += VISIBILITY - 1
        assert isinstance(world.claim(job()), Busy), (
            "two leases' lengths later the run is still this worker's"
        )
        go_on.set()
        assert (await world.queue.next())[0] == "deleted"
        while not extended.empty():
            extended.get_nowait()
        await nothing_from(extended)


async def test_an_engine_that_finds_its_lease_lost_leaves_the_message_alone(world: World):
    async def lost(claimed: Claimed) -> Ended:
        raise LeaseLost("another delivery's")

    world.engine.script = lost
    await world.send(job())
    async with world.working():
        await world.engine.next()
    assert world.queue.done.empty()
    assert world.depth() == (0, 1)


async def test_a_stop_hands_a_running_job_back_at_once_with_its_lease(world: World):
    world.engine.script = world.engine.forever
    await world.send(job())
    async with world.working():
        mine = await world.engine.next()
        world.stop.set()
        assert await asyncio.wait_for(world.engine.stopped.get(), PATIENCE) is mine
        assert (await world.queue.next())[0] == "released"
    assert world.depth() == (1, 0)
    assert isinstance(world.claim(job()), Claimed)


async def test_a_long_poll_under_way_at_the_stop_returns_and_what_it_brought_is_released(
    world: World,
):
    world.queue.hold.clear()
    await world.send(job(1))
    await world.send(job(2))
    async with world.working() as running:
        await asyncio.wait_for(world.queue.brought.wait(), PATIENCE)
        world.stop.set()
        await asyncio.wait({running}, timeout=0.05)
        assert not running.done(), "the poll was cancelled"
        world.queue.hold.set()
    assert world.depth() == (2, 0)
    assert world.engine.executed == []


async def test_no_message_is_released_before_the_own_poll_has_ended(world: World):
    world.engine.script = world.engine.forever
    await world.send(job(1))
    async with world.working():
        await world.engine.next()
        world.queue.brought.clear()
        world.queue.hold.clear()
        await world.send(job(2))
        await asyncio.wait_for(world.queue.brought.wait(), PATIENCE)
        world.stop.set()
        await asyncio.wait_for(world.engine.stopped.get(), PATIENCE)
        await nothing_from(world.queue.done)
        world.queue.hold.set()
        assert [(await world.queue.next())[0], (await world.queue.next())[0]] == [
            "released",
            "released",
        ]
    assert world.depth() == (2, 0)


async def test_a_run_that_does_not_stop_in_time_does_not_hold_up_the_worker(world: World):
    go_on = asyncio.Event()

    async def stubborn(claimed: Claimed) -> Deferred:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue
        return Deferred(0.0, "at last")

    world.engine.script = stubborn
    await world.send(job())
    async with world.working(grace=0.05):
        await world.engine.next()
    assert world.depth() == (0, 1)
    go_on.set()


async def test_an_asked_cancellation_reaches_the_run(world: World):
    async def until_cancelled(claimed: Claimed) -> Ended:
        try:
            return await world.engine.forever(claimed)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
            return world.engine.end(claimed, Outcome.CANCELLED)

    world.engine.script = until_cancelled
    await world.send(job())
    async with world.working():
        claimed = await world.engine.next()
        assert world.store.request_cancel(claimed.run.job_id)
        assert (await world.queue.next())[0] == "deleted"
    ((_, attributes),) = world.aws.events(world.topic)
    assert attributes["outcome"] == "cancelled"


async def test_a_run_that_would_outlast_twelve_hours_is_handed_back_before_and_goes_on_with_a_new_receive(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "pipeline.queue.delivery.MAX_VISIBILITY", 2 * VISIBILITY + 0.2
    )  # 12 hours, scaled down

    async def long(claimed: Claimed) -> Ended:
        return await (
            world.engine.solve(claimed)
            if claimed.run.deliveries > 1
            else world.engine.forever(claimed)
        )

    world.engine.script = long
    await world.send(job())
    async with world.working(concurrency=1):
        assert [(await world.queue.next())[0] for _ in range(2)] == ["released", "deleted"]
    first, second = world.engine.executed
    assert (first.run.generation, second.run.generation, second.run.crashes, second.run.tries) == (
        0,
        0,
        0,
        0,
    )


async def test_an_error_in_one_message_does_not_stop_the_next(world: World):
    async def fragile(claimed: Claimed) -> Ended:
        if claimed.run.issue_url.endswith("/1"):
            raise RuntimeError("a defect")
        return await world.engine.solve(claimed)

    world.engine.script = fragile
    async with world.working(concurrency=1):
        await world.send(job(1))
        what, _, seconds = await world.queue.next()
        assert (what, seconds) == ("put back", 30.0)
        await world.send(job(2))
        assert (await world.queue.next())[0] == "deleted"
    assert world.depth() == (0, 1)
    again = world.claim(job(1))
    assert isinstance(again, Claimed)
    assert again.run.crashes == 0, "the lease was given back"


async def test_no_more_runs_than_slots_and_every_slot_comes_back(world: World):
    for number in range(1, 8):
        await world.send(job(number))
    async with world.working(concurrency=3):
        assert [(await world.queue.next())[0] for _ in range(7)] == ["deleted"] * 7
    assert 1 <= world.engine.most <= 3
    assert len(world.aws.events(world.topic)) == 7


async def test_a_queue_that_is_down_is_waited_for(world: World, no_backoff: None):
    world.queue.failures = 3
    await world.send(job())
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"


async def test_a_stop_does_not_wait_for_a_queue_that_is_down(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    asked = asyncio.Event()

    def long_wait(failures: int, *, base: float, cap: float) -> float:
        asked.set()
        return 10_000.0

    monkeypatch.setattr("pipeline.backoff.backoff", long_wait)
    world.queue.failures = 1
    async with world.working():
        await asyncio.wait_for(asked.wait(), PATIENCE)


# Runs that kill their workers


def kill_workers(world: World, wanted: FixIssueJob, times: int) -> None:
    """Deliveries whose worker died: nobody gave their lease back."""
    for _ in range(times):
        assert isinstance(world.claim(wanted), Claimed)
        world.clock.now += VISIBILITY + 1


def gated(world: World, *numbers: int) -> dict[int, asyncio.Event]:
    """Runs of these issues go on until their event is set; the others end at once."""
    gates = {number: asyncio.Event() for number in numbers}

    async def script(claimed: Claimed) -> Ended:
        if gate := gates.get(int(claimed.run.issue_url.rpartition("/")[2])):
            await gate.wait()
        return world.engine.end(claimed, Outcome.PR_OPENED)

    world.engine.script = script
    return gates


async def test_a_run_that_killed_two_workers_has_the_third_to_itself(world: World):
    gates = gated(world, 1, 2)
    kill_workers(world, job(2), 2)
    async with world.working(concurrency=3):
        await world.send(job(1))
        assert (await world.engine.next()).run.issue_url.endswith("/1")
        poison = await world.send(job(2))
        await asyncio.wait_for(world.queue.received.get(), PATIENCE)
        await asyncio.wait_for(world.queue.received.get(), PATIENCE)
        await nothing_from(world.engine.begun)
        await world.send(job(3))
        gates[1].set()
        claimed = await world.engine.next()
        assert (claimed.run.issue_url[-1], claimed.run.crashes, world.engine.running) == ("2", 2, 1)
        await nothing_from(world.engine.begun)
        gates[2].set()
        assert (await world.engine.next()).run.issue_url.endswith("/3")
        done = [await world.queue.next() for _ in range(3)]
    assert [
        (what, delivery.message_id == poison) for what, delivery, _ in done if what == "deleted"
    ] == [("deleted", False), ("deleted", True), ("deleted", False)]
    assert world.depth() == (0, 0)


async def test_two_such_runs_have_the_worker_one_after_the_other(world: World):
    kill_workers(world, job(1), 2)
    kill_workers(world, job(2), 3)
    await world.send(job(1))
    await world.send(job(2))
    async with world.working(concurrency=5):
        assert [(await world.queue.next())[0] for _ in range(2)] == ["deleted", "deleted"]
    assert (world.engine.most, len(world.engine.executed)) == (1, 2)


async def test_a_run_that_waits_to_be_alone_holds_no_lease_that_a_neighbour_could_make_a_crash(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    gates = gated(world, 1)
    kill_workers(world, job(2), 2)
    loop = asyncio.get_running_loop()
    released = asyncio.Event()
    real = world.store.release

    def release(lease: Lease) -> None:
        real(lease)
        loop.call_soon_threadsafe(released.set)

    monkeypatch.setattr(world.store, "release", release)
    await world.send(job(1))
    async with world.working(concurrency=2):
        await world.engine.next()
        await world.send(job(2))
        await asyncio.wait_for(released.wait(), PATIENCE)
        elsewhere = world.claim(job(2))
        assert isinstance(elsewhere, Claimed)
        assert elsewhere.run.crashes == 2
        world.store.release(elsewhere.lease)
        gates[1].set()
        assert (await world.engine.next()).run.crashes == 2


async def test_a_stop_while_a_run_waits_to_be_alone_releases_its_message(world: World):
    gated(world, 1)
    kill_workers(world, job(2), 2)
    await world.send(job(1))
    async with world.working(concurrency=2):
        await world.engine.next()
        await world.send(job(2))
        world.queue.brought.clear()
        await asyncio.wait_for(world.queue.brought.wait(), PATIENCE)
    assert world.depth() == (2, 0)
    assert len(world.engine.executed) == 1


async def test_a_run_whose_worker_always_dies_has_failed(world: World):
    wanted = job(1, metadata={"team": "blue"})
    kill_workers(world, wanted, 5)
    await world.send(wanted)
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"
    assert world.engine.executed == []
    ((_, attributes),) = world.dead_letters()
    assert attributes[FAILED_GENERATION] == "0"
    assert "its worker died 5 times" in attributes[REASON]
    ((_, told),) = world.aws.events(world.topic)
    assert told["outcome"] == "failed"


async def test_stops_and_lost_leases_are_no_crashes(world: World, monkeypatch: pytest.MonkeyPatch):
    world.engine.script = world.engine.forever
    await world.send(job())
    for _ in range(3):
        world.stop = asyncio.Event()
        async with world.working():
            await world.engine.next()

    def down(lease: object, *, lease_seconds: float) -> bool:
        raise ConnectionError("the store is down")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "renew", down)
        world.stop = asyncio.Event()
        async with world.working(visibility_timeout=1):
            await world.engine.next()
            for _ in range(4):  # of the stops before, and of this lease
                await asyncio.wait_for(world.engine.stopped.get(), PATIENCE)
    world.clock.now += VISIBILITY + 1
    again = world.claim(job())
    assert isinstance(again, Claimed)
    assert again.run.crashes == 0


# What is invalid under the name of a job that has ended


async def test_an_invalid_message_is_not_answered_by_another_jobs_event(world: World):
    done = world.claim(job(1))
    assert isinstance(done, Claimed)
    world.engine.end(done, Outcome.PR_OPENED)
    body = '{"issue_url": "https://github.com/octo/repo/issues/1", "replay": {"idd": "again"}}'
    await world.send(body)
    async with world.working():
        assert (await world.queue.next())[0] == "deleted"
    ((kept, attributes),) = world.dead_letters()
    assert kept == body
    assert "replay.idd: unknown field" in attributes[REASON]
    assert FAILED_GENERATION not in attributes
    assert ["duplicate" in told for _, told in world.aws.events(world.topic)] == [False], (
        "its own event, once"
    )


async def test_an_invalid_message_that_comes_twice_is_told_twice_that_it_is_rejected(world: World):
    body = '{"issue_url": "https://github.com/octo/repo/issues/1", "colour": 1}'
    await world.send(body)
    async with world.working():
        await world.queue.next()
        await world.send(body)
        assert (await world.queue.next())[0] == "deleted"
    events = world.aws.events(world.topic)
    assert [json.loads(told)["data"]["reason"] for told, _ in events] == [
        "colour: unknown field"
    ] * 2
    assert world.dead_letters() == []


# Faults


async def test_a_store_that_is_down_at_the_start_is_waited_for_and_no_message_is_received_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, no_backoff: None
):
    answers = iter([False] * 3)
    real = world.store.pending_events
    asked = 0

    def pending(limit: int = 10) -> object:
        nonlocal asked
        asked += limit == 1
        if limit == 1 and next(answers, True) is False:
            assert world.queue.received.empty()
            raise ConnectionError("the store is down")
        return real(limit)

    monkeypatch.setattr(world.store, "pending_events", pending)
    await world.send(job())
    async with world.working():
        _, delivery, _ = await world.queue.next()
    assert (asked, delivery.receive_count) == (4, 1)


async def test_a_store_that_is_down_at_the_claim_puts_the_message_back_and_is_asked_before_the_next_receive(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    real_claim = world.store.claim
    real_pending = world.store.pending_events
    log = []

    def claim(*given: object, **more: object) -> object:
        log.append("claim")
        if len(log) == 1:
            raise ConnectionError("the store is down")
        return real_claim(*given, **more)

    def pending(limit: int = 10) -> object:
        if limit == 1 and log:
            log.append("asked")
        return real_pending(limit)

    monkeypatch.setattr(world.store, "claim", claim)
    monkeypatch.setattr(world.store, "pending_events", pending)
    await world.send(job(1))
    async with world.working(concurrency=1):
        what, _, seconds = await world.queue.next()
        assert (what, seconds) == ("put back", 30.0)
        await world.send(job(2))
        assert (await world.queue.next())[0] == "deleted"
    assert log == ["claim", "asked", "claim"]


async def test_a_store_that_is_down_at_the_outcome_loses_nothing_and_is_no_crash(
    world: World, monkeypatch: pytest.MonkeyPatch, no_backoff: None
):
    down = 3

    async def end(claimed: Claimed) -> Ended:
        if down:
            raise ConnectionError("the store is down")
        return await world.engine.solve(claimed)

    real = world.store.release

    def release(lease: Lease) -> None:
        nonlocal down
        down -= 1
        if down:
            raise ConnectionError("the store is down")
        real(lease)

    world.engine.script = end
    monkeypatch.setattr(world.store, "release", release)
    await world.send(job())
    async with world.working():
        what, delivery, _ = await world.queue.next()
        assert what == "put back"
        await SqsQueue.release(world.queue, delivery)
        assert (await world.queue.next())[0] == "deleted"
    assert world.engine.executed[-1].run.crashes == 0
    assert len(world.aws.events(world.topic)) == 1


async def test_credentials_that_expire_before_the_delete_delay_it_and_the_event_says_duplicate(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    from botocore.exceptions import ClientError

    real = world.queue._client.delete_message_batch
    expired = [True]

    async def delete(**given: object) -> object:
        if expired:
            expired.pop()
            raise ClientError(
                {"Error": {"Code": "ExpiredToken", "Message": ""}}, "DeleteMessageBatch"
            )
        return await real(**given)

    monkeypatch.setattr(world.queue._client, "delete_message_batch", delete)
    await world.send(job())
    async with world.working():
        what, delivery, _ = await world.queue.next()
        assert what == "put back"
        await SqsQueue.release(world.queue, delivery)
        assert (await world.queue.next())[0] == "deleted"
    assert len(world.engine.executed) == 1
    assert sorted("duplicate" in told for _, told in world.aws.events(world.topic)) == [False, True]
    assert world.depth() == (0, 0)


async def test_a_poll_that_never_returns_does_not_keep_the_worker_from_releasing_its_runs(
    world: World,
):
    world.engine.script = world.engine.forever
    await world.send(job(1))
    async with world.working(grace=1.0):
        await world.engine.next()
        world.queue.brought.clear()
        world.queue.hold.clear()
        await world.send(job(2))
        await asyncio.wait_for(world.queue.brought.wait(), PATIENCE)
    what, released, _ = await world.queue.next()
    assert (what, released.body) == ("released", job(1).to_json())
    assert world.depth() == (1, 1), "what the poll had brought comes back by itself"


# What is told


async def test_vitals_tell_how_long_ago_the_poll_loop_and_the_heartbeat_turned(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.worker.worker.TURN_SECONDS", 0.01)
    asked = asyncio.Event()

    class Monotonic(StillClock):
        def __call__(self) -> float:
            asked.set()
            return self.now

    gates = gated(world, 1)
    clock = Monotonic()
    worker = world.worker(concurrency=1, monotonic=clock)
    running = asyncio.create_task(worker.run(world.stop))

    async def turns() -> None:
        clock.now += 1000.0
        asked.clear()
        await asyncio.wait_for(asked.wait(), PATIENCE)
        assert worker.vitals()["poll"] == 0.0

    await turns()
    await world.send(job(1))
    await world.engine.next()
    await turns()  # with no slot free
    world.queue.failures = 10**9
    gates[1].set()
    await world.queue.next()
    await turns()  # while SQS is down
    assert worker.vitals()["heartbeat"] < PATIENCE
    world.stop.set()
    await asyncio.wait_for(running, PATIENCE)
    clock.now += 500.0
    assert worker.vitals()["poll"] == 500.0


async def test_a_run_in_work_is_held_to_be_protected_and_a_duplicate_is_not(world: World):
    held: list[str] = []

    @contextmanager
    def protect():
        held.append("on")
        yield
        held.append("off")

    async with world.working(protect=protect):
        await world.send(job())
        await world.queue.next()
        await world.send(job())
        await world.queue.next()
    assert held == ["on", "off"]


async def test_each_ended_run_is_a_line_of_metrics(world: World, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    world.clock.now = time.time() + 30.0
    await world.send(job())
    async with world.working():
        await world.queue.next()
    (told,) = [record.fields for record in caplog.records if record.name == METRICS]
    assert (told["runs"], told["outcome"]) == (1, "pr_opened")
    assert 25.0 < told["queue_wait_seconds"] < 60.0


async def test_each_minute_the_deployments_figures_are_told_though_the_store_was_down_before(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    answers = iter([ConnectionError("the store is down"), 1_250_000])
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def spent(**_: object) -> int:
        match next(answers, None):
            case ConnectionError() as error:
                raise error
            case int(micro):
                return micro
        loop.call_soon_threadsafe(told.set)
        return 0

    monkeypatch.setattr(world.store, "spent", spent)
    monkeypatch.setattr("pipeline.worker.worker.REPORT_SECONDS", 0.0)
    claimed = world.claim(job())
    assert isinstance(claimed, Claimed)
    world.store.release(claimed.lease)
    world.clock.now += 90
    async with world.working():
        await asyncio.wait_for(told.wait(), PATIENCE)
    lines = [record.fields for record in caplog.records if record.name == METRICS]
    figures = [fields for fields in lines if fields.get("spent_today_usd") == 1.25]
    assert [fields["oldest_unfinished_seconds"] for fields in figures] == [90.0]
    assert "the store is down" in caplog.text
