"""A queue, a store or credentials that fail for a while."""

import asyncio
import shutil
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from github import GithubException

from pipeline.engine.engine import Deferred, Ended
from pipeline.queue import SqsQueue
from pipeline.store.contract import Claimed, Lease
from tests.pipeline.worker.world import (
    World,
)
from tests.stand_ins.runs import job

REFUSED = GithubException(401, {"message": "Bad credentials"}, {})


async def test_refused_credentials_pause_the_polling_and_burn_no_job(
    world: World, no_backoff: None
):
    async def refuse(claimed: Claimed) -> Deferred:
        world.credentials_error = REFUSED
        return Deferred(0.0, "GitHub refused the credentials", credentials_refused=True)

    world.engine.script = refuse
    await world.send(job())
    worker = world.worker()
    working = asyncio.create_task(worker.run(world.stop))
    action = await world.queue.next_action()
    assert action.kind == "deferred"
    await world.engine.next_begun()
    await world.engine.assert_none_begins()
    assert worker.refusal is not None and "check GITHUB_TOKEN" in worker.refusal
    world.engine.script = world.engine.solve
    world.credentials_error = None
    assert (await world.queue.next_action()).kind == "deleted"
    assert worker.refusal is None
    world.stop.set()
    await working


async def test_no_message_is_received_while_credentials_are_refused_at_the_start(
    world: World, no_backoff: None
):
    world.credentials_error = REFUSED
    await world.send(job())
    async with world.working():
        await world.engine.assert_none_begins()
        world.credentials_error = None
        action = await world.queue.next_action()
    assert (action.kind, action.delivery.receive_count) == ("deleted", 1)


async def test_run_that_alone_is_refused_does_not_pause_the_others(world: World):
    async def refuse_first(claimed: Claimed) -> Ended | Deferred:
        if claimed.run.issue_url.endswith("/1"):
            return Deferred(900.0, "GitHub refused the credentials", credentials_refused=True)
        return await world.engine.solve(claimed)

    world.engine.script = refuse_first
    async with world.working():
        await world.send(job(1))
        assert (await world.queue.next_action()).kind == "deferred"
        await world.send(job(2))
        assert (await world.queue.next_action()).kind == "deleted"


async def test_credentials_that_cannot_be_checked_pause_nothing(world: World):
    world.credentials_error = GithubException(503, {}, {})
    await world.send(job())
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"


async def test_no_message_is_received_while_the_disk_has_no_room(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.worker.worker.DISK_SECONDS", 0.01)
    disk = SimpleNamespace(free=0, total=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk)
    await world.send(job())
    worker = world.worker()
    working = asyncio.create_task(worker.run(world.stop))
    await world.engine.assert_none_begins()
    assert worker.pause is not None and "make room" in worker.pause
    assert world.depth() == (1, 0), "another worker may take it"
    disk.free = 50
    action = await world.queue.next_action()
    assert (action.kind, action.delivery.receive_count) == ("deleted", 1)
    assert worker.pause is None
    world.stop.set()
    await working


async def test_queue_that_is_down_is_waited_for(world: World, no_backoff: None):
    world.queue.failures = 3
    await world.send(job())
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"


async def test_no_message_is_received_while_the_store_is_down_at_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch, no_backoff: None
):
    answers = iter([False] * 3)
    real = world.store.pending_events
    probes = 0

    def pending(limit: int = 10) -> object:
        nonlocal probes
        probes += limit == 1
        if limit == 1 and next(answers, True) is False:
            assert world.queue.received.empty()
            raise ConnectionError("the store is down")
        return real(limit)

    monkeypatch.setattr(world.store, "pending_events", pending)
    await world.send(job())
    async with world.working():
        action = await world.queue.next_action()
    assert (probes, action.delivery.receive_count) == (4, 1)


async def test_store_that_is_down_at_the_claim_is_probed_before_the_next_message(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    real_claim = world.store.claim
    real_pending = world.store.pending_events
    log = []

    def claim(*arguments: object, **options: object) -> object:
        log.append("claim")
        if len(log) == 1:
            raise ConnectionError("the store is down")
        return real_claim(*arguments, **options)

    def pending(limit: int = 10) -> object:
        if limit == 1 and log:
            log.append("asked")
        return real_pending(limit)

    monkeypatch.setattr(world.store, "claim", claim)
    monkeypatch.setattr(world.store, "pending_events", pending)
    await world.send(job(1))
    async with world.working(concurrency=1):
        action = await world.queue.next_action()
        assert (action.kind, action.seconds) == ("deferred", 30.0)
        await world.send(job(2))
        assert (await world.queue.next_action()).kind == "deleted"
    assert log == ["claim", "asked", "claim"]


async def test_store_that_is_down_at_the_outcome_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, no_backoff: None
):
    down = 3

    async def end(claimed: Claimed) -> Ended:
        if down:
            raise ConnectionError("the store is down")
        return await world.engine.solve(claimed)

    real = world.store.release

    def release(lease: Lease) -> None:
        nonlocal down
        down -= 1
        if down:
            raise ConnectionError("the store is down")
        real(lease)

    world.engine.script = end
    monkeypatch.setattr(world.store, "release", release)
    await world.send(job())
    async with world.working():
        action = await world.queue.next_action()
        assert action.kind == "deferred"
        await SqsQueue.release(world.queue, action.delivery)
        assert (await world.queue.next_action()).kind == "deleted"
    assert world.engine.executed[-1].run.crashes == 0
    assert len(world.aws.events(world.topic)) == 1


async def test_credentials_that_expire_before_the_delete_delay_it(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    real = world.queue._client.delete_message_batch
    expired = [True]

    async def delete(**given: object) -> object:
        if expired:
            expired.pop()
            raise ClientError(
                {"Error": {"Code": "ExpiredToken", "Message": ""}}, "DeleteMessageBatch"
            )
        return await real(**given)

    monkeypatch.setattr(world.queue._client, "delete_message_batch", delete)
    await world.send(job())
    async with world.working():
        action = await world.queue.next_action()
        assert action.kind == "deferred"
        await SqsQueue.release(world.queue, action.delivery)
        assert (await world.queue.next_action()).kind == "deleted"
    assert len(world.engine.executed) == 1
    assert sorted("duplicate" in attributes for _, attributes in world.aws.events(world.topic)) == [
        False,
        True,
    ]
    assert world.depth() == (0, 0)


@pytest.mark.parametrize("operation", ["publish_batch", "send_message", "delete_message_batch"])
async def test_a_reply_that_aws_loses_after_the_effect_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, no_backoff: None, operation: str
):
    sender = world.publisher._topics if operation == "publish_batch" else world.queue
    lose_next_reply(monkeypatch, sender._client, operation)
    world.engine.script = world.engine.fail
    first = job(1).to_json()
    last = job(2).to_json()
    async with world.working(concurrency=1):
        for body in (first, last):
            # Not by the queue's own client, which would lose this reply.
            world.aws.sqs.send_message(QueueUrl=world.queue.url, MessageBody=body)
            await world.engine.next_begun()
        await settle(world)
    bodies = {body for body, _ in world.dead_letters()}
    assert bodies == {first, last}
    assert len({body for body, _ in world.aws.events(world.topic)}) == 2
    assert len(world.engine.executed) == 2


def lose_next_reply(monkeypatch: pytest.MonkeyPatch, client: Any, operation: str) -> None:
    real = getattr(client, operation)
    to_lose = [ReadTimeoutError(endpoint_url="https://aws")]

    async def call(**given: object) -> object:
        response = await real(**given)
        if to_lose:
            raise to_lose.pop()
        return response

    monkeypatch.setattr(client, operation, call)


async def settle(world: World) -> None:
    """Wait until the queue is empty, and deliver deferred messages at once."""
    while world.depth() != (0, 0):
        action = await world.queue.next_action()
        if action.kind == "deferred":
            await SqsQueue.release(world.queue, action.delivery)
