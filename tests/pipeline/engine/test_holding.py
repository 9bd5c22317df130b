"""What a stage holds is held until the delivery's work ends, however it ends."""

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.engine.engine import Deferred, Ended
from pipeline.errors import Retry
from pipeline.outcome import Outcome
from pipeline.stage import RunContext, Stop
from tests.stand_ins.runs import Answer, Bench, Fetched, raises


class Lock:
    """Something that a stage holds."""

    def __init__(self) -> None:
        self.is_held = False

    @contextmanager
    def holding(self) -> Iterator["Lock"]:
        self.is_held = True
        try:
            yield self
        finally:
            self.is_held = False


@pytest.fixture
def lock() -> Lock:
    return Lock()


@pytest.fixture
def bench(tmp_path: Path, lock: Lock) -> Bench:
    """A run whose first stage holds the lock."""
    bench = Bench(tmp_path)

    def fetch(run: RunContext) -> Answer:
        assert run.hold(lock.holding()) is lock
        return Fetched(title="t")

    bench.does("fetch", fetch)
    return bench


async def test_later_stages_find_it_held_and_it_is_released_at_the_end(
    bench: Bench, lock: Lock
) -> None:
    def close(run: RunContext) -> Answer:
        assert lock.is_held
        return Stop(Outcome.PR_OPENED, "done")

    bench.does("close", close)
    assert isinstance(await bench.engine.execute(bench.claim()), Ended)
    assert not lock.is_held


async def test_it_is_released_if_the_run_must_wait(bench: Bench, lock: Lock) -> None:
    bench.does("propose", raises(Retry("later")))
    assert isinstance(await bench.engine.execute(bench.claim()), Deferred)
    assert not lock.is_held


async def test_a_run_that_must_wait_keeps_no_files_on_this_disk(bench: Bench) -> None:
    folders: list[Path] = []

    def write(run: RunContext) -> Answer:
        (run.workspace / "large").write_text("x")
        folders.append(run.workspace)
        raise OSError(errno.ENOSPC, "No space left on device")

    bench.does("propose", write)
    answer = await bench.engine.execute(bench.claim())
    assert isinstance(answer, Deferred) and "disk is full" in answer.reason
    assert not folders[0].exists()


async def test_it_is_released_if_the_worker_stops(bench: Bench, lock: Lock) -> None:
    reached = asyncio.Event()

    async def hang(run: RunContext) -> Answer:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    bench.does("propose", hang)
    working = asyncio.create_task(bench.engine.execute(bench.claim()))
    await asyncio.wait_for(reached.wait(), 20)
    assert lock.is_held
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not lock.is_held
