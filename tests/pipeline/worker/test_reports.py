"""A worker's reports about itself: vitals, protection, metrics."""

import asyncio
import time
from contextlib import contextmanager

import pytest

from pipeline.telemetry import METRICS
from tests.pipeline.worker.world import (
    PATIENCE,
    StillClock,
    World,
    hold_runs,
)
from tests.stand_ins.runs import job


async def test_vitals_are_the_seconds_since_the_last_poll_and_heartbeat(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.worker.worker.TURN_SECONDS", 0.01)
    clock_read = asyncio.Event()

    class Monotonic(StillClock):
        def __call__(self) -> float:
            clock_read.set()
            return self.now

    gates = hold_runs(world, 1)
    clock = Monotonic()
    worker = world.worker(concurrency=1, monotonic=clock)
    running = asyncio.create_task(worker.run(world.stop))

    async def turns() -> None:
        clock.now += 1000.0
        clock_read.clear()
        await asyncio.wait_for(clock_read.wait(), PATIENCE)
        assert worker.vitals()["poll"] == 0.0

    await turns()
    await world.send(job(1))
    await world.engine.next_begun()
    await turns()  # with no slot free
    world.queue.failures = 10**9
    gates[1].set()
    await world.queue.next_action()
    await turns()  # while SQS is down
    assert worker.vitals()["heartbeat"] < PATIENCE
    world.stop.set()
    await asyncio.wait_for(running, PATIENCE)
    clock.now += 500.0
    assert worker.vitals()["poll"] == 500.0


async def test_task_is_protected_during_a_run_but_not_for_a_duplicate(world: World):
    protection: list[str] = []

    @contextmanager
    def protect():
        protection.append("on")
        yield
        protection.append("off")

    async with world.working(protect=protect):
        await world.send(job())
        await world.queue.next_action()
        await world.send(job())
        await world.queue.next_action()
    assert protection == ["on", "off"]


async def test_each_ended_run_is_a_line_of_metrics(world: World, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    world.clock.now = time.time() + 30.0
    await world.send(job())
    async with world.working():
        await world.queue.next_action()
    (fields,) = [record.fields for record in caplog.records if record.name == METRICS]
    assert (fields["runs"], fields["outcome"]) == (1, "pr_opened")
    assert 25.0 < fields["queue_wait_seconds"] < 60.0


async def test_deployments_figures_are_logged_each_minute_despite_an_outage(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    answers = iter([ConnectionError("the store is down"), 1_250_000])
    reported_three_times = asyncio.Event()
    loop = asyncio.get_running_loop()

    def spent(**_: object) -> int:
        match next(answers, None):
            case ConnectionError() as error:
                raise error
            case int(micro):
                return micro
        loop.call_soon_threadsafe(reported_three_times.set)
        return 0

    monkeypatch.setattr(world.store, "spent", spent)
    monkeypatch.setattr("pipeline.worker.worker.REPORT_SECONDS", 0.0)
    claimed = world.claim(job())
    world.store.release(claimed.lease)
    world.clock.now += 90
    async with world.working():
        await asyncio.wait_for(reported_three_times.wait(), PATIENCE)
    lines = [record.fields for record in caplog.records if record.name == METRICS]
    figures = [fields for fields in lines if fields.get("spent_today_usd") == 1.25]
    assert [fields["oldest_unfinished_seconds"] for fields in figures] == [90.0]
    assert "the store is down" in caplog.text
