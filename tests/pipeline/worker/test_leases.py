"""The execution of a run under its heartbeat."""

import asyncio

import pytest

from pipeline.engine.engine import Ended
from pipeline.errors import LeaseLost
from pipeline.outcome import Outcome, RunResult
from pipeline.queue import Delivery, VisibilityExtender
from pipeline.store.contract import Claimed, ClaimedInvalid
from tests.pipeline.worker.world import (
    PATIENCE,
    VISIBILITY,
    World,
    assert_stays_empty,
)
from tests.stand_ins.runs import job


async def test_run_that_lost_its_lease_stops_and_leaves_its_message(world: World):
    world.engine.script = world.engine.forever
    await world.send(job())
    async with world.working(heartbeat_seconds=0.05):
        first = await world.engine.next_begun()
        second: object = None
        while not isinstance(second, Claimed):  # a beat may renew it in between
            world.clock.now += VISIBILITY + 1
            second = world.claim(job())
        assert second.lease.token != first.lease.token
        assert await world.engine.next_cancelled() is first
    assert world.queue.actions.empty()
    assert world.depth() == (0, 1)
    assert world.store.renew(second.lease, lease_seconds=1) is False


async def test_heartbeat_renews_the_lease_even_if_sqs_fails(world: World, monkeypatch):
    loop = asyncio.get_running_loop()
    extended = asyncio.Queue()
    proceed = asyncio.Event()

    def refuse(self: VisibilityExtender, delivery: Delivery) -> None:
        loop.call_soon_threadsafe(extended.put_nowait, delivery)
        raise ConnectionError("SQS is down")

    async def wait(claimed: Claimed) -> Ended:
        await proceed.wait()
        return await world.engine.solve(claimed)

    monkeypatch.setattr(VisibilityExtender, "extend", refuse)
    world.engine.script = wait
    message_id = await world.send(job())
    async with world.working():
        await world.engine.next_begun()
        world.clock.now += VISIBILITY - 1
        for _ in range(3):
            assert (await asyncio.wait_for(extended.get(), PATIENCE)).message_id == message_id
        world.clock.now += VISIBILITY - 1
        assert world.is_busy(job()), "two leases' lengths later the run is still this worker's"
        proceed.set()
        assert (await world.queue.next_action()).kind == "deleted"
        while not extended.empty():
            extended.get_nowait()
        await assert_stays_empty(extended)


async def test_a_rejection_keeps_its_lease_while_it_takes_long(world: World, monkeypatch):
    loop = asyncio.get_running_loop()
    extended = asyncio.Queue()
    reject = world.engine.reject

    def note(self: VisibilityExtender, delivery: Delivery) -> None:
        loop.call_soon_threadsafe(extended.put_nowait, delivery)

    async def reject_slowly(claimed: ClaimedInvalid) -> RunResult:
        for _ in range(2):
            world.clock.now += VISIBILITY - 1
            for _ in range(3):
                await asyncio.wait_for(extended.get(), PATIENCE)
        return await reject(claimed)

    monkeypatch.setattr(VisibilityExtender, "extend", note)
    monkeypatch.setattr(world.engine, "reject", reject_slowly)
    await world.send('{"issue_url": "https://github.com/octo/repo/issues/1", "colour": 1}')
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"


async def test_engine_that_finds_its_lease_lost_leaves_the_message_alone(world: World):
    async def lost(claimed: Claimed) -> Ended:
        raise LeaseLost("another delivery's")

    world.engine.script = lost
    await world.send(job())
    async with world.working():
        await world.engine.next_begun()
    assert world.queue.actions.empty()
    assert world.depth() == (0, 1)


async def test_requested_cancellation_reaches_the_run(world: World):
    async def until_cancelled(claimed: Claimed) -> Ended:
        try:
            return await world.engine.forever(claimed)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
            return world.engine.end(claimed, Outcome.CANCELLED)

    world.engine.script = until_cancelled
    await world.send(job())
    async with world.working():
        claimed = await world.engine.next_begun()
        assert world.store.request_cancel(claimed.run.job_id)
        assert (await world.queue.next_action()).kind == "deleted"
    ((_, attributes),) = world.aws.events(world.topic)
    assert attributes["outcome"] == "cancelled"


async def test_run_of_twelve_hours_is_released_and_resumes_with_a_new_receive(
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
        assert [(await world.queue.next_action()).kind for _ in range(2)] == ["released", "deleted"]
    first, second = world.engine.executed
    assert (first.run.generation, second.run.generation, second.run.crashes, second.run.tries) == (
        0,
        0,
        0,
        0,
    )


async def test_stops_and_lost_leases_are_not_crashes(world: World, monkeypatch: pytest.MonkeyPatch):
    world.engine.script = world.engine.forever
    await world.send(job())
    for _ in range(3):
        world.stop = asyncio.Event()
        async with world.working():
            await world.engine.next_begun()

    def down(lease: object, *, lease_seconds: float) -> bool:
        raise ConnectionError("the store is down")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "renew", down)
        world.stop = asyncio.Event()
        async with world.working(visibility_timeout=1):
            await world.engine.next_begun()
            for _ in range(4):  # of the stops before, and of this lease
                await world.engine.next_cancelled()
    world.clock.now += VISIBILITY + 1
    reclaimed = world.claim(job())
    assert reclaimed.run.crashes == 0
