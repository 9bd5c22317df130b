import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.clock import Clock
from pipeline.job import FixIssueJob
from pipeline.outcome import Event, EventType, Outcome, RunResult
from pipeline.queue import NotPublished, TopicMessage, Topics
from pipeline.run_key import RunKey
from pipeline.store.contract import Claimed, Finished, RunRow, Submission
from pipeline.store.events import MAX_EVENT_TRIES
from pipeline.store.sqlite import SqliteStore
from pipeline.worker.outbox import PAGE, Publisher
from tests.stand_ins import aws as stand_in
from tests.stand_ins.aws import Aws, Topic
from tests.stand_ins.runs import Clock as Ticks

aws = stand_in.aws
aws_server = stand_in.aws_server
PATIENCE = 20.0


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def clock(ticks: Ticks) -> Clock:
    return Clock(now=ticks, monotonic=ticks)


@pytest.fixture
def store(tmp_path: Path, ticks: Ticks):
    store = SqliteStore(tmp_path / "store.db", clock=ticks)
    yield store
    store.close()


@pytest.fixture
def topic(aws: Aws) -> Topic:
    return aws.make_topic()


def finished(
    store: SqliteStore, number: int, topic_arn: str | None, metadata: dict[str, str] | None = None
) -> RunRow:
    """A run that ended, its event in the outbox."""
    job = FixIssueJob(
        issue_url=f"https://github.com/octo/repo/issues/{number}", metadata=metadata or {}
    )
    claim = store.claim(Submission.of(job), lease_seconds=60)
    assert isinstance(claim, Claimed)
    result = RunResult(
        job_id=job.id,
        generation=0,
        issue_url=job.issue_url,
        repository="octo/repo",
        outcome=Outcome.NO_FIX,
        reason="nothing helped",
        metadata=job.metadata,
        trace="t",
    )
    store.finish(claim.lease, result, Event.about(result, "2026-01-01T00:00:00Z"), topic_arn)
    finished = store.claim(Submission.of(job), lease_seconds=60)
    assert isinstance(finished, Finished)
    return finished.run


async def test_rows_of_another_worker_are_published_with_their_attributes(
    aws: Aws, topic: Topic, store: SqliteStore, tmp_path: Path
):
    other = SqliteStore(tmp_path / "store.db")
    run = finished(other, 1, topic.arn, {"team": "blü"})
    other.close()
    async with Publisher(store, lambda _: topic.arn) as publisher:
        assert await publisher.drain() == 1
        assert await publisher.drain() == 0
    ((body, attributes),) = aws.events(topic)
    assert body == run.event
    assert attributes == {
        "type": EventType.FINISHED,
        "repository": "octo/repo",
        "outcome": "no_fix",
    }


async def test_more_rows_than_a_page_are_published_in_one_drain(
    aws: Aws, topic: Topic, store: SqliteStore
):
    for number in range(1, PAGE + 4):
        finished(store, number, topic.arn)
    async with Publisher(store, lambda _: topic.arn) as publisher:
        assert await publisher.drain() == PAGE + 3
    assert len(aws.events(topic)) == PAGE + 3


async def test_page_is_published_and_marked_in_one_call_each(
    aws: Aws, topic: Topic, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
):
    marked: list[tuple[str, ...]] = []
    real_mark = store.mark_published

    def mark(*event_ids: str) -> None:
        marked.append(event_ids)
        real_mark(*event_ids)

    monkeypatch.setattr(store, "mark_published", mark)
    for number in range(PAGE):
        finished(store, number + 1, topic.arn)
    async with Publisher(store, lambda _: topic.arn) as publisher:
        assert await publisher.drain() == PAGE
    assert [len(event_ids) for event_ids in marked] == [PAGE]


async def test_one_message_that_makes_sns_refuse_its_batch_holds_no_other_up(
    topic: Topic, store: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    bodies = [finished(store, number, topic.arn).event for number in (1, 2, 3)]
    published: list[str] = []

    async def publish(_: Topics, messages: Sequence[TopicMessage]) -> dict[str, Exception]:
        if any(message.body == bodies[1] for message in messages):
            error = NotPublished("InvalidParameter", "of the second", is_senders=True)
            return {message.id: error for message in messages}
        published.extend(message.body for message in messages)
        return {}

    monkeypatch.setattr(Topics, "publish", publish)
    async with Publisher(store, lambda _: topic.arn, clock=clock) as publisher:
        assert await publisher.drain() == 2
    assert set(published) == {bodies[0], bodies[2]}
    assert [event.body for event in store.refused_events(10)] == [bodies[1]]


async def test_event_that_sns_failed_to_take_waits_and_the_others_are_out(
    topic: Topic,
    store: SqliteStore,
    clock: Clock,
    ticks: Ticks,
    monkeypatch: pytest.MonkeyPatch,
):
    for number in (1, 2, 3):
        finished(store, number, topic.arn)
    calls: list[int] = []

    async def fail_first(_: Topics, messages: Sequence[TopicMessage]) -> dict[str, Exception]:
        calls.append(len(messages))
        if len(calls) > 1:
            return {}
        return {messages[0].id: NotPublished("InternalError", "try again", is_senders=False)}

    monkeypatch.setattr(Topics, "publish", fail_first)
    async with Publisher(store, lambda _: topic.arn, clock=clock) as publisher:
        assert await publisher.drain() == 2
        assert len(store.pending_events(10)) == 1 and store.refused_events(10) == []
        ticks.now += 60.0
        assert await publisher.drain() == 1
    assert calls == [3, 1], "nothing is tried alone because SNS is at fault"


async def test_refused_event_is_tried_again_later_and_blocks_no_other(
    aws: Aws, topic: Topic, store: SqliteStore, clock: Clock, ticks: Ticks
):
    for number in range(1, PAGE + 1):
        finished(store, number, f"{topic.arn}-gone")
    run = finished(store, PAGE + 1, topic.arn)
    async with Publisher(store, lambda _: topic.arn, clock=clock) as publisher:
        assert await publisher.drain() == 1
        assert [body for body, _ in aws.events(topic)] == [run.event]
        assert publisher.pending == len(store.refused_events(50)) == PAGE
        aws.sns.create_topic(Name=topic.arn.rpartition(":")[2] + "-gone")
        assert await publisher.drain() == 0, "they are not due yet"
        ticks.now += 3600.0
        assert await publisher.drain() == PAGE
    assert store.refused_events(50) == store.pending_events(50) == []


async def test_new_event_is_not_late_for_400_that_can_not_be_delivered(
    aws: Aws, topic: Topic, store: SqliteStore, clock: Clock, ticks: Ticks
):
    for number in range(1, 401):
        finished(store, number, f"{topic.arn}-gone")
    async with Publisher(store, lambda _: topic.arn, clock=clock) as publisher:
        run = finished(store, 401, topic.arn)
        await publisher.drain()
        assert [body for body, _ in aws.events(topic)] == [run.event], "all are untried"
        for number in range(402, 405):
            ticks.now += 3600.0
            run = finished(store, number, topic.arn)
            await publisher.drain()
            assert [body for body, _ in aws.events(topic)] == [run.event], "400 are due again"


async def test_event_that_is_always_refused_is_parked_and_can_be_released(
    aws: Aws, topic: Topic, store: SqliteStore, clock: Clock, ticks: Ticks
):
    run = finished(store, 1, f"{topic.arn}-gone")
    async with Publisher(store, lambda _: topic.arn, clock=clock) as publisher:
        for _ in range(MAX_EVENT_TRIES):
            assert store.parked_events() == []
            assert await publisher.drain() == 0
            ticks.now += 3600.0
        (parked,) = store.parked_events()
        assert parked.tries == MAX_EVENT_TRIES and "NotFound" in (parked.last_error or "")
        gone = aws.sns.create_topic(Name=topic.arn.rpartition(":")[2] + "-gone")["TopicArn"]
        assert await publisher.drain() == 0 and publisher.pending == 0
        store.release_event(parked.event_id)
        assert store.parked_events() == []
        assert await publisher.drain() == 1
    assert gone == parked.topic_arn and run.event == parked.body


async def test_event_is_republished_byte_for_byte_and_marked(
    aws: Aws, topic: Topic, store: SqliteStore
):
    run = finished(store, 1, None, {"team": "blü"})
    jobs: list[FixIssueJob | None] = []

    def topic_of(job: FixIssueJob | None) -> str:
        jobs.append(job)
        return topic.arn

    async with Publisher(store, topic_of) as publisher:
        await publisher.republish(run)
    ((body, attributes),) = aws.events(topic)
    assert body == run.event
    assert json.loads(body)["data"]["metadata"] == {"team": "blü"}
    assert attributes == {
        "type": "run.finished",
        "repository": "octo/repo",
        "outcome": "no_fix",
        "duplicate": "true",
    }
    assert jobs == [FixIssueJob.model_validate_json(run.body)]


async def test_loop_survives_a_failing_store_and_drains_at_the_stop(
    aws: Aws, topic: Topic, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
):
    loop = asyncio.get_running_loop()
    marked = asyncio.Event()
    failed = asyncio.Event()
    real_pending = store.pending_events
    real_mark = store.mark_published

    def down(limit: int):
        loop.call_soon_threadsafe(failed.set)
        raise ConnectionError("the store is down")

    def mark(*event_ids: str) -> None:
        real_mark(*event_ids)
        loop.call_soon_threadsafe(marked.set)

    monkeypatch.setattr(store, "pending_events", down)
    monkeypatch.setattr(store, "mark_published", mark)
    async with Publisher(store, lambda _: topic.arn, interval=3600) as publisher:
        running = asyncio.create_task(publisher.run())
        await asyncio.wait_for(failed.wait(), PATIENCE)
        monkeypatch.setattr(store, "pending_events", real_pending)
        run = finished(store, 1, topic.arn)
        publisher.wake(RunKey(run.job_id, run.generation))
        await asyncio.wait_for(marked.wait(), PATIENCE)
        finished(store, 2, topic.arn)
        publisher.stop()
        await asyncio.wait_for(running, PATIENCE)
    assert len(aws.events(topic)) == 2, "the last drain takes what came before the stop"


@pytest.mark.parametrize("interval", [0.05, 3600.0])
async def test_events_of_other_workers_runs_are_left_to_them_until_the_interval_ends(
    aws: Aws,
    topic: Topic,
    store: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
    interval: float,
):
    loop = asyncio.get_running_loop()
    drained = asyncio.Event()
    marked: asyncio.Queue[str] = asyncio.Queue()
    real_refused = store.refused_events
    real_mark = store.mark_published

    def refused(limit: int):
        loop.call_soon_threadsafe(drained.set)
        return real_refused(limit)

    def mark(*event_ids: str) -> None:
        real_mark(*event_ids)
        for event_id in event_ids:
            loop.call_soon_threadsafe(marked.put_nowait, event_id)

    monkeypatch.setattr(store, "refused_events", refused)
    monkeypatch.setattr(store, "mark_published", mark)
    async with Publisher(store, lambda _: topic.arn, interval=interval) as publisher:
        running = asyncio.create_task(publisher.run())
        await asyncio.wait_for(drained.wait(), PATIENCE)
        others = [finished(store, number, topic.arn) for number in range(1, 61)]
        own = [finished(store, number, topic.arn) for number in range(61, 86)]
        for run in own:
            publisher.wake(RunKey(run.job_id, run.generation))
        at_once = len(own) if interval > PATIENCE else len(own) + len(others)
        for _ in range(at_once):
            await asyncio.wait_for(marked.get(), PATIENCE)
        if interval > PATIENCE:
            left = {event.body for event in store.pending_events(100)}
            assert left == {run.event for run in others}
        publisher.stop()
        await asyncio.wait_for(running, PATIENCE)
    assert len(aws.events(topic)) == len(own) + len(others)


async def test_hour_without_sns_loses_nothing_and_does_not_hammer_it(
    aws: Aws,
    topic: Topic,
    store: SqliteStore,
    clock: Clock,
    ticks: Ticks,
    monkeypatch: pytest.MonkeyPatch,
):
    end = ticks.now + 3600.0
    tries = 0
    for number in range(1, 41):
        finished(store, number, topic.arn)
    async with Publisher(store, lambda _: topic.arn, clock=clock) as publisher:

        async def fail(_: Topics, messages: Sequence[TopicMessage]) -> dict[str, Exception]:
            nonlocal tries
            tries += 1
            error = EndpointConnectionError(endpoint_url="the topic's")
            return {message.id: error for message in messages}

        with monkeypatch.context() as patch:
            patch.setattr(Topics, "publish", fail)
            while ticks.now < end:
                assert await publisher.drain() == 0
                ticks.now += 5.0
        assert 40 < tries < 400, "about two a minute, not one a row and drain"
        assert publisher.pending > 0
        ticks.now += 300.0
        assert await publisher.drain() == 40
        assert publisher.pending == 0
    assert len(aws.events(topic)) == 40


@pytest.mark.parametrize(
    "code", ["ThrottledException", "ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"]
)
async def test_outage_is_probed_with_one_event(
    topic: Topic,
    store: SqliteStore,
    clock: Clock,
    ticks: Ticks,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
):
    for number in (1, 2, 3):
        finished(store, number, topic.arn)
    refused: list[str] = []

    async def refuse(_: Topics, messages: Sequence[TopicMessage]) -> dict[str, Exception]:
        refused.extend(message.body for message in messages)
        answer = {
            "Error": {"Code": code, "Message": ""},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        return {message.id: ClientError(answer, "PublishBatch") for message in messages}

    monkeypatch.setattr(Topics, "publish", refuse)
    async with Publisher(store, lambda _: topic.arn, clock=clock) as publisher:
        assert await publisher.drain() == 0
        ticks.now += 3600.0
        refused.clear()
        assert await publisher.drain() == 0
    assert len(refused) == 1, "one event finds out whether it is over"
    assert len(store.pending_events(10)) == 3
