import asyncio

import pytest

from pipeline.errors import LeaseLost
from pipeline.worker.execution import Execution, Interruption


class Work:
    """Work that never ends by itself, and cleans up when it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancellations = 0
        self.cleaned_up = asyncio.Event()

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancellations += 1
            await self.cleaned_up.wait()
            raise
        raise AssertionError("nothing sets that event")


async def test_result_of_the_work_is_returned():
    async def work() -> str:
        return "done"

    assert await Execution().run(work) == "done"


async def test_interrupted_work_is_cancelled_once_and_cleans_up():
    work = Work()
    execution = Execution()
    running = asyncio.create_task(execution.run(work))
    await work.begun.wait()
    execution.interrupt(Interruption.STOPPING)
    execution.interrupt(Interruption.CANCELLED)
    await asyncio.sleep(0)
    assert not running.done()
    work.cleaned_up.set()
    assert await running is None
    assert work.cancellations == 1
    assert execution.interruption is Interruption.STOPPING


async def test_lost_lease_overrides_another_interruption():
    work = Work()
    execution = Execution()
    running = asyncio.create_task(execution.run(work))
    await work.begun.wait()
    execution.interrupt(Interruption.STOPPING)
    execution.interrupt(Interruption.LOST, "another worker has it")
    work.cleaned_up.set()
    with pytest.raises(LeaseLost, match="another worker has it"):
        await running


async def test_work_that_takes_too_long_is_interrupted():
    work = Work()
    work.cleaned_up.set()
    execution = Execution()
    assert await execution.run(work, seconds=0.01) is None
    assert execution.interruption is Interruption.TOO_LONG


async def test_work_does_not_begin_after_an_interruption():
    work = Work()
    execution = Execution()
    execution.interrupt(Interruption.STOPPING)
    assert await execution.run(work) is None
    assert not work.begun.is_set()


async def test_cancelled_caller_waits_for_the_work_to_end():
    work = Work()
    running = asyncio.create_task(Execution().run(work))
    await work.begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not running.done()
    work.cleaned_up.set()
    with pytest.raises(asyncio.CancelledError):
        await running
