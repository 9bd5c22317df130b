"""One message: claimed, executed, settled."""

import asyncio
import json

import pytest

from pipeline.engine.engine import Deferred, Ended
from pipeline.outcome import Outcome
from pipeline.queue import FAILED_GENERATION, REASON, Delivery, SqsQueue
from pipeline.store.contract import Claimed
from pipeline.worker.deliveries import NEWER_SCHEMA_DELAY, RENEWED_AFTER
from tests.pipeline.worker.world import (
    VISIBILITY,
    World,
)
from tests.stand_ins.runs import job


async def test_job_runs_and_its_message_is_deleted_and_its_event_published(world: World):
    await world.send(job())
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"
    assert world.depth() == (0, 0)
    ((body, attributes),) = world.aws.events(world.topic)
    assert json.loads(body)["data"]["outcome"] == attributes["outcome"] == "pr_opened"


async def test_second_message_of_a_running_job_is_deferred(world: World):
    proceed = asyncio.Event()

    async def wait(claimed: Claimed) -> Ended:
        await proceed.wait()
        return world.engine.end(claimed, Outcome.PR_OPENED)

    world.engine.script = wait
    async with world.working():
        await world.send(job())
        await world.engine.next_begun()
        second = await world.send(job())
        action = await world.queue.next_action()
        assert (action.kind, action.delivery.message_id) == ("deferred", second)
        assert 0 < action.seconds <= VISIBILITY
        proceed.set()
        action = await world.queue.next_action()
        assert action.kind == "deleted"
        assert action.delivery.message_id != second
    assert len(world.engine.executed) == 1


async def test_message_delivered_again_is_deleted_with_its_newest_handle(
    world: World,
):
    proceed = asyncio.Event()

    async def wait(claimed: Claimed) -> Ended:
        await proceed.wait()
        return world.engine.end(claimed, Outcome.PR_OPENED)

    world.engine.script = wait
    # No heartbeat ever comes: only the test changes the message's visibility.
    async with world.working(heartbeat_seconds=3600):
        await world.send(job())
        first = await world.queue.next_delivery()
        await world.engine.next_begun()
        await SqsQueue.release(world.queue, first)
        second = await world.queue.next_delivery()
        assert second.message_id == first.message_id
        proceed.set()
        action = await world.queue.next_action()
        assert action.kind == "deleted"
        assert action.delivery.receipt_handle == second.receipt_handle
    assert len(world.engine.executed) == 1


async def test_event_of_a_finished_job_is_published_again_byte_for_byte(world: World):
    async with world.working():
        await world.send(job())
        await world.queue.next_action()
        await world.send(job())
        assert (await world.queue.next_action()).kind == "deleted"
    assert len(world.engine.executed) == 1
    events = world.aws.events(world.topic)
    assert sorted("duplicate" in attributes for _, attributes in events) == [False, True]
    assert len({body for body, _ in events}) == 1
    assert world.depth() == (0, 0)


@pytest.mark.parametrize(
    "body", ["no JSON ü", "[]", '{"issue_url": "https://example.com/x"}', "{}", "nul\ud7ff"]
)
async def test_unreadable_message_is_dead_lettered_untouched_at_once(world: World, body: str):
    await world.send(body, sender="billing")
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"
    ((dead_body, attributes),) = world.dead_letters()
    assert dead_body == body
    assert attributes["sender"] == "billing"
    assert "JSON" in attributes[REASON] or "issue_url" in attributes[REASON]
    assert world.engine.executed == []


async def test_message_for_a_newer_worker_is_deferred(world: World):
    await world.send(
        '{"issue_url": "https://github.com/octo/repo/issues/1", "schema_version": 99, "new": {}}'
    )
    async with world.working():
        action = await world.queue.next_action()
        assert (action.kind, action.seconds) == ("deferred", NEWER_SCHEMA_DELAY)
    assert (world.depth(), world.dead_letters()) == ((0, 1), [])


async def test_invalid_job_that_names_an_issue_is_rejected_with_the_field(world: World):
    await world.send(
        '{"issue_url": "https://github.com/octo/repo/issues/1", "colour": 1, "metadata": {"team":'
        ' "blue"}}'
    )
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"
    ((body, attributes),) = world.aws.events(world.topic)
    data = json.loads(body)["data"]
    assert (data["outcome"], data["reason"], data["metadata"]) == (
        "rejected",
        "colour: unknown field",
        {"team": "blue"},
    )
    assert (attributes["outcome"], world.depth(), world.dead_letters()) == ("rejected", (0, 0), [])


async def test_invalid_message_that_is_delivered_twice_is_rejected_twice(world: World):
    body = '{"issue_url": "https://github.com/octo/repo/issues/1", "colour": 1}'
    await world.send(body)
    async with world.working():
        await world.queue.next_action()
        await world.send(body)
        assert (await world.queue.next_action()).kind == "deleted"
    events = world.aws.events(world.topic)
    assert [json.loads(body)["data"]["reason"] for body, _ in events] == [
        "colour: unknown field"
    ] * 2
    assert world.dead_letters() == []


async def test_invalid_message_does_not_end_the_valid_run_under_its_job_id(world: World):
    claimed = world.claim(job(1))
    world.store.release(claimed.lease)
    await world.send('{"issue_url": "https://github.com/octo/repo/issues/1", "colour": 1}')
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"
    ((_, attributes),) = world.dead_letters()
    assert "colour" in attributes[REASON]
    world.claim(job(1))


async def test_invalid_message_is_not_answered_by_another_jobs_event(world: World):
    claimed = world.claim(job(1))
    world.engine.end(claimed, Outcome.PR_OPENED)
    body = '{"issue_url": "https://github.com/octo/repo/issues/1", "replay": {"idd": "again"}}'
    await world.send(body)
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"
    ((dead_body, attributes),) = world.dead_letters()
    assert dead_body == body
    assert "replay.idd: unknown field" in attributes[REASON]
    assert FAILED_GENERATION not in attributes
    assert ["duplicate" in attributes for _, attributes in world.aws.events(world.topic)] == [
        False
    ], "its own event, once"


async def test_failed_run_is_dead_lettered_and_can_be_redriven(
    world: World,
):
    world.engine.script = world.engine.fail
    body = job().to_json()
    await world.send(body)
    async with world.working():
        await world.queue.next_action()
        ((dead_body, attributes),) = world.dead_letters()
        assert (dead_body, attributes) == (
            body,
            {REASON: "GitHub was down", FAILED_GENERATION: "0"},
        )
        world.engine.script = world.engine.solve
        await world.send(dead_body, **attributes)
        assert (await world.queue.next_action()).kind == "deleted"
    assert [claimed.run.generation for claimed in world.engine.executed] == [0, 1]
    assert (world.depth(), world.dead_letters()) == ((0, 0), [])


async def test_message_of_a_failed_run_is_dead_lettered_by_a_later_worker(world: World):
    claimed = world.claim(job())
    world.engine.end(claimed, Outcome.FAILED, "GitHub was down")
    await world.send(job())
    async with world.working():
        assert (await world.queue.next_action()).kind == "deleted"
    ((_, attributes),) = world.dead_letters()
    assert attributes == {REASON: "GitHub was down", FAILED_GENERATION: "0"}
    assert world.engine.executed == []


async def test_failed_job_that_is_sent_again_has_one_dead_letter(world: World):
    world.engine.script = world.engine.fail
    async with world.working():
        for _ in range(3):
            await world.send(job())
            assert (await world.queue.next_action()).kind == "deleted"
    assert len(world.dead_letters()) == 1
    assert len(world.engine.executed) == 1


async def test_run_that_waits_often_is_never_dead_lettered_by_sqs(world: World):
    async def defer_often(claimed: Claimed) -> Ended | Deferred:
        if claimed.run.deliveries <= 2 * RENEWED_AFTER:
            return Deferred(0.0, "GitHub is failing")
        return await world.engine.solve(claimed)

    world.engine.script = defer_often
    await world.send(job(), team="a")
    receives = []
    async with world.working():
        while len(world.engine.executed) <= 2 * RENEWED_AFTER:
            receives.append(await world.queue.next_delivery())
            await world.queue.next_action()
    assert max(delivery.receive_count for delivery in receives) < 20, "the least maximum"
    assert receives[-1].text("team") == "a"
    assert world.dead_letters() == [] and world.depth() == (0, 0)


async def test_run_with_a_copy_and_its_original_ends_once(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    delete = world.queue.delete
    lost = asyncio.Event()

    async def lose_deletion(*_: Delivery) -> None:
        monkeypatch.setattr(world.queue, "delete", delete)
        lost.set()
        raise ConnectionError("SQS is down")

    async def defer_until_copied(claimed: Claimed) -> Ended | Deferred:
        if not lost.is_set():
            return Deferred(0.0, "GitHub is failing")
        return await world.engine.fail(claimed)

    world.engine.script = defer_until_copied
    monkeypatch.setattr(world.queue, "delete", lose_deletion)
    await world.send(job())
    async with world.working():
        handled: dict[str, Delivery] = {}
        while not {"set aside", "deleted"} <= handled.keys():
            action = await world.queue.next_action()
            handled["set aside" if action.seconds > 0 else action.kind] = action.delivery
        original = handled["set aside"]
        await world.queue.release(original)
        while handled["deleted"].message_id != original.message_id:
            action = await world.queue.next_action()
            handled[action.kind] = action.delivery
    assert len(world.dead_letters()) == 1 and world.depth() == (0, 0)
    bodies = {body for body, _ in world.aws.events(world.topic)}
    assert len(bodies) == 1, "the second message repeats the event"


async def test_message_that_must_wait_is_not_handled_before(world: World):
    await world.send(job(), not_before=str(int(world.clock.now + 2000)))
    async with world.working():
        action = await world.queue.next_action()
    assert (action.kind, action.seconds) == ("deferred", 2000.0)
    assert world.engine.executed == [] and world.store.run(job().id) is None


async def test_deferred_run_releases_its_lease_and_its_message_waits(world: World):
    async def defer(claimed: Claimed) -> Deferred:
        return Deferred(77.0, "GitHub's rate limit")

    world.engine.script = defer
    await world.send(job())
    async with world.working():
        action = await world.queue.next_action()
        assert (action.kind, action.seconds) == ("deferred", 77.0)
        reclaimed = world.claim(job())
        assert reclaimed.run.deliveries == 2


async def test_error_in_one_message_does_not_stop_the_next(world: World):
    async def fragile(claimed: Claimed) -> Ended:
        if claimed.run.issue_url.endswith("/1"):
            raise RuntimeError("a defect")
        return await world.engine.solve(claimed)

    world.engine.script = fragile
    async with world.working(concurrency=1):
        await world.send(job(1))
        action = await world.queue.next_action()
        assert (action.kind, action.seconds) == ("deferred", 30.0)
        await world.send(job(2))
        assert (await world.queue.next_action()).kind == "deleted"
    assert world.depth() == (0, 1)
    redriven = world.claim(job(1))
    assert redriven.run.crashes == 0, "the lease was given back"


async def test_no_more_runs_than_slots_and_every_slot_is_freed(world: World):
    for number in range(1, 8):
        await world.send(job(number))
    async with world.working(concurrency=3):
        assert [(await world.queue.next_action()).kind for _ in range(7)] == ["deleted"] * 7
    assert 1 <= world.engine.most_running <= 3
    assert len(world.aws.events(world.topic)) == 7
