import asyncio
from collections.abc import Iterator

import pytest

from pipeline.worker.task_protection import (
    AGENT_VARIABLE,
    LINGER,
    MINUTES,
    TaskProtection,
    connect_agent,
)
from tests.stand_ins.ecs_agent import EcsAgent, ecs_agent

PATIENCE = 20.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Told:
    """What ECS was told, in order."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[bool] = asyncio.Queue()
        self.errors: list[Exception] = []

    def __call__(self, protected: bool) -> None:
        self.loop.call_soon_threadsafe(self.queue.put_nowait, protected)
        if self.errors:
            raise self.errors.pop(0)

    async def next(self) -> bool:
        return await asyncio.wait_for(self.queue.get(), PATIENCE)


async def settled(protection: TaskProtection, wanted: tuple[bool | None, float | None]) -> None:
    """Wait until the protection has nothing to tell but ``wanted``."""
    while protection.due() != wanted:
        await asyncio.sleep(0)


async def test_only_the_first_run_and_the_end_of_the_last_are_told():
    told = Told()
    clock = Clock()
    async with TaskProtection(told, clock=clock) as protection:
        with protection.hold():
            assert await told.next() is True
            with protection.hold():
                pass
            await settled(protection, (None, MINUTES * 30.0))
        assert protection.due() == (None, LINGER)
        clock.now += LINGER
        protection._changed.set()
        assert await told.next() is False
        await settled(protection, (None, None))
    assert told.queue.empty()


async def test_a_busy_queue_does_not_flap():
    told = Told()
    clock = Clock()
    async with TaskProtection(told, clock=clock) as protection:
        for _ in range(20):
            with protection.hold():
                await settled(protection, (None, MINUTES * 30.0 - clock.now))
            clock.now += LINGER - 1
    assert (told.queue.qsize(), await told.next()) == (1, True)


async def test_a_long_run_is_protected_anew_before_protection_ends():
    told = Told()
    clock = Clock()
    async with TaskProtection(told, clock=clock) as protection:
        with protection.hold():
            assert await told.next() is True
            await settled(protection, (None, MINUTES * 30.0))
            clock.now += MINUTES * 30.0
            assert protection.due() == (True, None)
            protection._changed.set()
            assert await told.next() is True
            await settled(protection, (None, MINUTES * 30.0))


async def test_a_failure_hurts_no_run_and_is_tried_again_later():
    told = Told()
    clock = Clock()
    told.errors = [OSError("the agent is busy")] * 2
    async with TaskProtection(told, clock=clock) as protection:
        with protection.hold():
            for failures in (1, 2):
                assert await told.next() is True
                while protection._retry.failures != failures:
                    await asyncio.sleep(0)
                clock.now += 100.0
                protection._changed.set()
            assert await told.next() is True
            await settled(protection, (None, MINUTES * 30.0))
        assert protection.due() == (None, LINGER)


async def test_what_never_ran_tells_nothing():
    told = Told()
    async with TaskProtection(told) as protection:
        assert protection.due() == (None, None)
        await asyncio.sleep(0)
    assert told.queue.empty()


@pytest.fixture
def stand_in() -> Iterator[EcsAgent]:
    with ecs_agent() as server:
        yield server


def test_the_agent_is_asked_as_it_is_documented(stand_in: EcsAgent):
    put = connect_agent({AGENT_VARIABLE: stand_in.uri})
    assert put is not None
    put(True)
    put(False)
    assert stand_in.requests == [
        {"ProtectionEnabled": True, "ExpiresInMinutes": MINUTES},
        {"ProtectionEnabled": False},
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"failure": {"Arn": "arn:aws:ecs:task", "Reason": "TASK_NOT_VALID"}}),
        (200, {"error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}),
        (500, {}),
    ],
)
def test_a_refusal_is_an_error(stand_in: EcsAgent, answer: tuple[int, dict[str, object]]):
    stand_in.answers = [answer]
    put = connect_agent({AGENT_VARIABLE: stand_in.uri})
    assert put is not None
    with pytest.raises(OSError, match=r"TASK_NOT_VALID|Rate exceeded|500"):
        put(True)


def test_outside_ecs_nobody_is_asked():
    assert connect_agent({}) is None
