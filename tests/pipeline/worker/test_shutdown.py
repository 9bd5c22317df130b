"""A worker that stops loses no message."""

import asyncio

import pytest

from pipeline.engine.engine import Deferred
from pipeline.store.contract import Claimed
from tests.pipeline.worker.world import (
    PATIENCE,
    World,
    assert_stays_empty,
    hold_runs,
    kill_workers,
)
from tests.stand_ins.runs import job


async def test_stop_releases_a_running_job_at_once_with_its_lease(world: World):
    world.engine.script = world.engine.forever
    await world.send(job())
    async with world.working():
        claimed = await world.engine.next_begun()
        world.stop.set()
        assert await world.engine.next_cancelled() is claimed
        assert (await world.queue.next_action()).kind == "released"
    assert world.depth() == (1, 0)
    world.claim(job())


async def test_messages_of_a_poll_in_progress_at_the_stop_are_released(
    world: World,
):
    world.queue.let_poll_return.clear()
    await world.send(job(1))
    await world.send(job(2))
    async with world.working() as running:
        await asyncio.wait_for(world.queue.has_received.wait(), PATIENCE)
        world.stop.set()
        await asyncio.wait({running}, timeout=0.05)
        assert not running.done(), "the poll was cancelled"
        world.queue.let_poll_return.set()
    assert world.depth() == (2, 0)
    assert world.engine.executed == []


async def test_no_message_is_released_before_the_current_poll_ends(world: World):
    world.engine.script = world.engine.forever
    await world.send(job(1))
    async with world.working():
        await world.engine.next_begun()
        world.queue.has_received.clear()
        world.queue.let_poll_return.clear()
        await world.send(job(2))
        await asyncio.wait_for(world.queue.has_received.wait(), PATIENCE)
        world.stop.set()
        await world.engine.next_cancelled()
        await assert_stays_empty(world.queue.actions)
        world.queue.let_poll_return.set()
        assert [(await world.queue.next_action()).kind, (await world.queue.next_action()).kind] == [
            "released",
            "released",
        ]
    assert world.depth() == (2, 0)


async def test_run_that_does_not_stop_in_time_does_not_hold_up_the_worker(world: World):
    proceed = asyncio.Event()

    async def stubborn(claimed: Claimed) -> Deferred:
        while not proceed.is_set():
            try:
                await proceed.wait()
            except asyncio.CancelledError:
                continue
        return Deferred(0.0, "at last")

    world.engine.script = stubborn
    await world.send(job())
    async with world.working(grace=0.05):
        await world.engine.next_begun()
    assert world.depth() == (0, 1)
    proceed.set()


async def test_stuck_poll_does_not_keep_the_worker_from_releasing_its_runs(
    world: World,
):
    world.engine.script = world.engine.forever
    await world.send(job(1))
    async with world.working(grace=1.0):
        await world.engine.next_begun()
        world.queue.has_received.clear()
        world.queue.let_poll_return.clear()
        await world.send(job(2))
        await asyncio.wait_for(world.queue.has_received.wait(), PATIENCE)
    action = await world.queue.next_action()
    assert (action.kind, action.delivery.body) == ("released", job(1).to_json())
    assert world.depth() == (1, 1), "what the poll had brought comes back by itself"


async def test_stop_does_not_wait_for_a_queue_that_is_down(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    backing_off = asyncio.Event()

    def long_wait(failures: int, *, base: float, cap: float) -> float:
        backing_off.set()
        return 10_000.0

    monkeypatch.setattr("pipeline.backoff.backoff", long_wait)
    world.queue.failures = 1
    async with world.working():
        await asyncio.wait_for(backing_off.wait(), PATIENCE)


async def test_stop_while_a_run_waits_to_run_alone_releases_its_message(world: World):
    hold_runs(world, 1)
    kill_workers(world, job(2), 2)
    await world.send(job(1))
    async with world.working(concurrency=2):
        await world.engine.next_begun()
        await world.send(job(2))
        world.queue.has_received.clear()
        await asyncio.wait_for(world.queue.has_received.wait(), PATIENCE)
    assert world.depth() == (2, 0)
    assert len(world.engine.executed) == 1
