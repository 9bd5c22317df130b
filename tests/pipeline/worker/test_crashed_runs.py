"""Runs that kill their workers run alone, and fail in the end."""

import asyncio

import pytest

from pipeline.queue import FAILED_GENERATION, REASON
from pipeline.store.contract import Lease
from tests.pipeline.worker.world import (
    PATIENCE,
    World,
    hold_runs,
    kill_workers,
)
from tests.stand_ins.runs import job


async def test_run_that_killed_two_workers_runs_alone_on_the_third(world: World):
    gates = hold_runs(world, 1, 2)
    kill_workers(world, job(2), 2)
    async with world.working(concurrency=3):
        await world.send(job(1))
        assert (await world.engine.next_begun()).run.issue_url.endswith("/1")
        poison = await world.send(job(2))
        await world.queue.next_delivery()
        await world.queue.next_delivery()
        await world.engine.assert_none_begins()
        await world.send(job(3))
        gates[1].set()
        claimed = await world.engine.next_begun()
        assert (claimed.run.issue_url[-1], claimed.run.crashes, world.engine.running) == ("2", 2, 1)
        await world.engine.assert_none_begins()
        gates[2].set()
        assert (await world.engine.next_begun()).run.issue_url.endswith("/3")
        actions = [await world.queue.next_action() for _ in range(3)]
    deleted = [action.delivery.message_id for action in actions if action.kind == "deleted"]
    assert [message_id == poison for message_id in deleted] == [False, True, False]
    assert world.depth() == (0, 0)


async def test_two_crashed_runs_use_the_worker_one_after_the_other(world: World):
    kill_workers(world, job(1), 2)
    kill_workers(world, job(2), 3)
    await world.send(job(1))
    await world.send(job(2))
    async with world.working(concurrency=5):
        assert [(await world.queue.next_action()).kind for _ in range(2)] == ["deleted", "deleted"]
    assert (world.engine.most_running, len(world.engine.executed)) == (1, 2)


async def test_run_that_waits_to_run_alone_holds_no_lease(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    gates = hold_runs(world, 1)
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
        await world.engine.next_begun()
        await world.send(job(2))
        await asyncio.wait_for(released.wait(), PATIENCE)
        elsewhere = world.claim(job(2))
        assert elsewhere.run.crashes == 2
        world.store.release(elsewhere.lease)
        gates[1].set()
        assert (await world.engine.next_begun()).run.crashes == 2


async def test_run_whose_worker_always_dies_fails(world: World):
    submitted = job(1, metadata={"team": "blue"})
    kill_workers(world, submitted, 5)
    await world.send(submitted)
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"
    assert world.engine.executed == []
    ((_, attributes),) = world.dead_letters()
    assert attributes[FAILED_GENERATION] == "0"
    assert "its worker died 5 times" in attributes[REASON]
    ((_, attributes),) = world.aws.events(world.topic)
    assert attributes["outcome"] == "failed"
