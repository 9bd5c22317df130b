import asyncio
import logging
import threading

import pytest

from pipeline.worker.watchdog import EXIT_STATUS, Watchdog

PATIENCE = 20.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watchdog(clock: Clock, ended: list[int]) -> Watchdog:
    """Entered, its thread never wakes by itself: the test calls ``check``."""
    return Watchdog(limit=300.0, interval=3600.0, end=ended.append, clock=clock)


async def test_loop_that_is_stuck_past_the_limit_ends_the_process(
    clock: Clock, caplog: pytest.LogCaptureFixture
):
    ended: list[int] = []
    with watchdog(clock, ended) as dog:
        dog.check()
        clock.now += 299.0
        dog.check()
        assert ended == []
        clock.now += 1.0
        dog.check()
    assert ended == [EXIT_STATUS]
    (message,) = [
        record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL
    ]
    assert "300 s" in message
    assert "check" in message, "where the loop's thread is: in this test"


async def test_delay_of_a_running_loop_is_measured(clock: Clock):
    ended: list[int] = []
    with watchdog(clock, ended) as dog:
        for late in (0.2, 0.5, 0.1):
            dog.check()
            clock.now += late
            await asyncio.sleep(0)
            clock.now += 1000.0
        assert dog.drain_measurements() == (pytest.approx(0.5), 0)
        assert dog.drain_measurements() == (0.0, 0)
    assert ended == []


async def test_stall_is_logged_once_and_counted(clock: Clock, caplog: pytest.LogCaptureFixture):
    with watchdog(clock, []) as dog:
        dog.check()
        for _ in range(3):
            clock.now += 2.0
            dog.check()
        await asyncio.sleep(0)
        assert dog.drain_measurements() == (pytest.approx(6.0), 1)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


async def test_watchdog_sees_a_blocked_loop_from_its_own_thread():
    ended = threading.Event()
    with Watchdog(limit=0.05, interval=0.01, end=lambda status: ended.set()):
        assert ended.wait(PATIENCE), "this wait blocks the loop's own thread"


async def test_blocked_log_does_not_save_a_stuck_process(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    stuck = threading.Event()
    request.addfinalizer(stuck.set)
    monkeypatch.setattr("pipeline.worker.watchdog.LOG_SECONDS", 0.01)
    monkeypatch.setattr("pipeline.worker.watchdog.log.critical", lambda *_: stuck.wait(PATIENCE))
    ended: list[int] = []
    with watchdog(clock, ended) as dog:
        dog.check()
        clock.now += 1000.0
        dog.check()
    assert ended == [EXIT_STATUS]


def test_closed_loop_ends_the_thread():
    async def enter() -> Watchdog:
        return Watchdog(interval=0.01).__enter__()

    dog = asyncio.run(enter())
    dog._thread.join(PATIENCE)
    assert not dog._thread.is_alive()
    dog.__exit__()
