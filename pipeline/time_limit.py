"""A time limit whose expiry can be distinguished from a timeout within the limited work."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def finish_within(seconds: float | None, work: Awaitable[ResultT]) -> ResultT | None:
    """Return the result of some work; None if it takes longer than ``seconds`` (None: no limit).

    Raises:
        TimeoutError: raised by the work itself.
    """
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            return await work
    except TimeoutError:
        if not scope.expired():
            raise
        return None
