"""A time limit, and the time-outs of what it limits."""

import asyncio

import pytest

from pipeline.time_limit import finish_within


async def answer() -> str:
    return "done"


async def time_out() -> str:
    raise TimeoutError("a connection's own")


@pytest.mark.parametrize("seconds", [60, None])
async def test_work_within_the_limit_has_its_result(seconds: float | None) -> None:
    assert await finish_within(seconds, answer()) == "done"


async def test_work_that_takes_longer_is_ended() -> None:
    assert await finish_within(0, asyncio.Event().wait()) is None


async def test_a_time_out_of_the_work_itself_is_not_the_limits() -> None:
    with pytest.raises(TimeoutError, match="own"):
        await finish_within(60, time_out())
