"""A world for a worker, and failures that take no time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.store.sqlite import SqliteStore
from pipeline.worker.outbox import Publisher
from tests.pipeline.worker.world import ScriptedEngine, StillClock, WatchedQueue, World
from tests.stand_ins.aws import Aws


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.backoff.backoff", lambda failures, *, base, cap: 0.0)


@pytest.fixture
async def world(aws: Aws, tmp_path: Path) -> AsyncIterator[World]:
    clock = StillClock()
    store = SqliteStore(tmp_path / "store.db", clock=clock)
    queue = aws.make_queue()
    topic = aws.make_topic()
    engine = ScriptedEngine(store, topic.arn)
    async with (
        WatchedQueue(queue.url) as watched,
        Publisher(store, lambda _: topic.arn) as publisher,
    ):
        yield World(aws, store, clock, queue, topic, engine, watched, publisher)
    store.close()
