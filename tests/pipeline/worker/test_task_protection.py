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


class Requests:
    """The requests to ECS, in order."""

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


async def wait_until_due(protection: TaskProtection, due: tuple[bool | None, float | None]) -> None:
    while protection.due() != due:
        await asyncio.sleep(0)


async def test_only_the_first_run_and_the_end_of_the_last_are_reported():
    requests = Requests()
    clock = Clock()
    async with TaskProtection(requests, clock=clock) as protection:
        with protection.hold():
            assert await requests.next() is True
            with protection.hold():
                pass
            await wait_until_due(protection, (None, MINUTES * 30.0))
        assert protection.due() == (None, LINGER)
        clock.now += LINGER
        protection._changed.set()
        assert await requests.next() is False
        await wait_until_due(protection, (None, None))
    assert requests.queue.empty()


async def test_busy_queue_does_not_make_protection_flap():
    requests = Requests()
    clock = Clock()
    async with TaskProtection(requests, clock=clock) as protection:
        for _ in range(20):
            with protection.hold():
                await wait_until_due(protection, (None, MINUTES * 30.0 - clock.now))
            clock.now += LINGER - 1
    assert (requests.queue.qsize(), await requests.next()) == (1, True)


async def test_protection_of_a_long_run_is_renewed_in_time():
    requests = Requests()
    clock = Clock()
    async with TaskProtection(requests, clock=clock) as protection:
        with protection.hold():
            assert await requests.next() is True
            await wait_until_due(protection, (None, MINUTES * 30.0))
            clock.now += MINUTES * 30.0
            assert protection.due() == (True, None)
            protection._changed.set()
            assert await requests.next() is True
            await wait_until_due(protection, (None, MINUTES * 30.0))


async def test_failed_request_is_tried_again_later():
    requests = Requests()
    clock = Clock()
    requests.errors = [OSError("the agent is busy")] * 2
    async with TaskProtection(requests, clock=clock) as protection:
        with protection.hold():
            for failures in (1, 2):
                assert await requests.next() is True
                while protection._retry.failures != failures:
                    await asyncio.sleep(0)
                clock.now += 100.0
                protection._changed.set()
            assert await requests.next() is True
            await wait_until_due(protection, (None, MINUTES * 30.0))
        assert protection.due() == (None, LINGER)


async def test_task_without_a_run_requests_nothing():
    requests = Requests()
    async with TaskProtection(requests) as protection:
        assert protection.due() == (None, None)
        await asyncio.sleep(0)
    assert requests.queue.empty()


@pytest.fixture
def stand_in() -> Iterator[EcsAgent]:
    with ecs_agent() as server:
        yield server


def test_agent_gets_documented_requests(stand_in: EcsAgent):
    set_protection = connect_agent({AGENT_VARIABLE: stand_in.uri})
    assert set_protection is not None
    set_protection(True)
    set_protection(False)
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
def test_refusal_is_an_error(stand_in: EcsAgent, answer: tuple[int, dict[str, object]]):
    stand_in.answers = [answer]
    set_protection = connect_agent({AGENT_VARIABLE: stand_in.uri})
    assert set_protection is not None
    with pytest.raises(OSError, match=r"TASK_NOT_VALID|Rate exceeded|500"):
        set_protection(True)


def test_outside_ecs_there_is_no_agent():
    assert connect_agent({}) is None
