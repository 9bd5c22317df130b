"""Reading dead messages and moving them, against moto's SQS."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.queues.dead_messages import (
    HOLD_SECONDS,
    MOVED_BY_SQS,
    DeadMessage,
    DeadMessages,
    Kind,
    MessageFilter,
    parse_delivery,
)
from pipeline.queue import FAILED_GENERATION, REASON, Delivery, EntriesFailed, SqsQueue
from tests.stand_ins.aws import Aws

URL = "https://github.com/octo/repo/issues/{}"


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto has one server, so that a short poll misses nothing."""
    monkeypatch.setattr("console.queues.dead_messages.POLL_SECONDS", 0)


@pytest.fixture
async def queue(aws: Aws) -> AsyncIterator[SqsQueue]:
    """A dead-letter queue, open."""
    async with open_queue(aws.make_queue().dead_letters_url) as queue:
        yield queue


@asynccontextmanager
async def open_queue(url: str, kind: type[SqsQueue] = SqsQueue) -> AsyncIterator[SqsQueue]:
    async with kind(url, visibility_timeout=HOLD_SECONDS) as queue:
        yield queue


def job_body(number: int, **fields: object) -> str:
    return json.dumps({"issue_url": URL.format(number), **fields})


def message(
    body: str, attributes: dict[str, str] | None = None, *, sent_at: float = 0
) -> DeadMessage:
    sqs_attributes = {}
    for name, value in (attributes or {}).items():
        sqs_attributes[name] = {"DataType": "String", "StringValue": value}
    return parse_delivery(Delivery("m", "handle", body, 1, sqs_attributes, 0.0, sent_at))


# Kinds and reasons


@pytest.mark.parametrize(
    ("body", "attributes", "kind", "reason"),
    [
        (
            job_body(1),
            {FAILED_GENERATION: "2", REASON: "GitHub\n is down"},
            Kind.FAILED,
            "GitHub is down",
        ),
        (job_body(1), {}, Kind.UNFINISHED, MOVED_BY_SQS),
        (job_body(1), {FAILED_GENERATION: "-1"}, Kind.UNFINISHED, MOVED_BY_SQS),
        (
            job_body(1, schema_version=99),
            {},
            Kind.NEWER,
            "schema_version 99 is newer than this worker's 2",
        ),
        (job_body(1, color=1), {FAILED_GENERATION: "0"}, Kind.INVALID, "color: unknown field"),
        ("[]", {REASON: "the worker's reason"}, Kind.UNREADABLE, "the worker's reason"),
        ("{", {}, Kind.UNREADABLE, "the message is not JSON"),
    ],
)
def test_a_message_has_a_kind_and_a_reason(
    body: str, attributes: dict[str, str], kind: Kind, reason: str
) -> None:
    parsed = message(body, attributes)
    assert parsed.kind is kind
    assert parsed.reason.startswith(reason)
    has_job = parsed.job is not None
    assert has_job == (kind in (Kind.FAILED, Kind.UNFINISHED))
    names_no_issue = kind in (Kind.NEWER, Kind.UNREADABLE)
    assert parsed.repository == (None if names_no_issue else "octo/repo")


@pytest.mark.parametrize(
    ("message_filter", "matches"),
    [
        (MessageFilter(), True),
        (MessageFilter(reason="RATE limit"), True),
        (MessageFilter(reason="github*limit*403"), True),
        (MessageFilter(reason="limit*github"), False),
        (MessageFilter(reason="rate.limit"), False),
        (MessageFilter(repository="Octo/Repo"), True),
        (MessageFilter(repository="octo/rep"), False),
        (MessageFilter(since=100.0), True),
        (MessageFilter(since=100.5), False),
        (MessageFilter(ids=("x", "m")), True),
        (MessageFilter(ids=("ticket-7",)), True),
        (MessageFilter(ids=("ticket",)), False),
    ],
)
def test_a_filter_selects_messages(message_filter: MessageFilter, matches: bool) -> None:
    body = job_body(1, job_id="ticket-7")
    candidate = message(body, {REASON: "GitHub's rate limit: 403"}, sent_at=100.0)
    assert message_filter.matches(candidate) is matches


def test_messages_with_one_cause_share_a_pattern() -> None:
    first = message("x", {REASON: "GitHub sent 403 (request AB12-f) after 5 tries"})
    second = message("x", {REASON: "GitHub sent 403 (request 7c) after 60 tries"})
    assert first.pattern == second.pattern == "GitHub sent * (request *) after * tries"


@settings(deadline=None, max_examples=200)
@given(
    reason=st.text(max_size=400)
    | st.from_regex(r"[a-z*]{0,5}[ :-]+([0-9a-f]{1,8}[ -]?){0,5}", fullmatch=True)
)
def test_a_pattern_matches_its_own_messages(reason: str) -> None:
    candidate = message("x", {REASON: reason})
    assert MessageFilter(reason=candidate.pattern).matches(candidate)


def test_a_hostile_reason_is_matched_in_linear_time() -> None:
    started = time.process_time()
    hostile = message("x", {REASON: "a-" * 100_000})
    pattern = "*".join("a-" * 200) + "b"
    assert not MessageFilter(reason=pattern).matches(hostile)
    assert len(hostile.pattern) <= 300
    assert time.process_time() - started < 2.0


# Reading


async def test_every_message_is_read_once_and_is_visible_again_afterwards(
    aws: Aws, queue: SqsQueue
) -> None:
    message_ids = [await queue.send(job_body(number)) for number in range(1, 24)]
    progress: list[int] = []
    snapshot = await DeadMessages(queue, asyncio.Event()).read(progress.append)
    assert [message.message_id for message in snapshot.messages] == message_ids
    assert snapshot.unseen == 0
    assert progress[-1] == 23
    assert aws.depth(queue.url) == (23, 0)


async def test_messages_in_flight_elsewhere_are_counted(queue: SqsQueue) -> None:
    for number in (1, 2, 3):
        await queue.send(job_body(number))
    assert len(await queue.receive(2, 0)) == 2
    snapshot = await DeadMessages(queue, asyncio.Event()).read()
    assert len(snapshot.messages) == 1
    assert snapshot.unseen == 2


async def test_reading_ends_although_messages_keep_coming_around(aws: Aws) -> None:
    """As if reading took longer than HOLD_SECONDS."""

    class Circle(SqsQueue):
        received = 0

        async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
            self.received += 1
            first = self.received * 10 % 30
            return [
                Delivery(str(first + offset), f"h{self.received}", "x", 1, {}, 0.0)
                for offset in range(10)
            ]

        async def release(self, *deliveries: Delivery) -> None:
            handles = {delivery.receipt_handle for delivery in deliveries}
            assert handles <= {f"h{number}" for number in range(99)}

    async with open_queue(aws.make_queue().dead_letters_url, Circle) as circle:
        snapshot = await DeadMessages(circle, asyncio.Event()).read()
        assert len(snapshot.messages) == 30
        assert isinstance(circle, Circle)
        assert circle.received < 20


# Moving


async def filled(
    queue: SqsQueue, numbers: Iterable[int], stop: asyncio.Event | None = None
) -> tuple[DeadMessages, list[DeadMessage]]:
    """Send messages to the dead-letter queue, and read them."""
    for number in numbers:
        await queue.send(job_body(number))
    dead_messages = DeadMessages(queue, stop or asyncio.Event())
    snapshot = await dead_messages.read()
    return dead_messages, snapshot.messages


async def do_nothing(_: DeadMessage) -> None:
    """A transfer that always works."""


class DeliverTwice(SqsQueue):
    """SQS at its worst: every message is delivered twice, even after its deletion."""

    def __init__(self, url: str, *, visibility_timeout: int) -> None:
        super().__init__(url, visibility_timeout=visibility_timeout)
        self.last_page: list[Delivery] = []

    async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
        if self.last_page:
            page = self.last_page
            self.last_page = []
            return page
        self.last_page = await super().receive(min(max_messages, 4), wait_seconds)
        return self.last_page


async def test_a_message_that_is_delivered_twice_counts_and_moves_once(aws: Aws) -> None:
    url = aws.make_queue().dead_letters_url
    async with open_queue(url, DeliverTwice) as queue:
        dead_messages, messages = await filled(queue, range(1, 10))
        assert len(messages) == 9
        transferred: list[str] = []

        async def transfer(moved: DeadMessage) -> None:
            transferred.append(moved.message_id)

        selected = messages[::2]
        assert await dead_messages.move(selected, transfer) == 5
        assert sorted(transferred) == sorted(chosen.message_id for chosen in selected)
    assert aws.depth(url) == (4, 0)


async def test_a_message_is_deleted_only_after_its_transfer(aws: Aws, queue: SqsQueue) -> None:
    dead_messages, messages = await filled(queue, range(1, 13))
    transferred: set[str] = set()

    async def transfer(moved: DeadMessage) -> None:
        if len(transferred) == 3:
            raise ConnectionError("the main queue is down")
        transferred.add(moved.message_id)

    with pytest.raises(ConnectionError):
        await dead_messages.move(messages, transfer)
    assert aws.depth(queue.url) == (9, 0)
    snapshot = await dead_messages.read()
    remaining_ids = {remaining.message_id for remaining in snapshot.messages}
    assert remaining_ids == {message.message_id for message in messages} - transferred


async def test_a_message_that_cannot_be_deleted_stays_and_raises(aws: Aws) -> None:
    class Undeletable(SqsQueue):
        async def delete(self, *deliveries: Delivery) -> None:
            raise EntriesFailed("DeleteMessageBatch", {deliveries[0].message_id: "InternalError"})

    async with open_queue(aws.make_queue().dead_letters_url, Undeletable) as queue:
        dead_messages, messages = await filled(queue, (1, 2))
        with pytest.raises(EntriesFailed):
            await dead_messages.move(messages, do_nothing)
        assert aws.depth(queue.url) == (2, 0)


async def test_stopping_ends_between_two_messages_and_hides_none(aws: Aws, queue: SqsQueue) -> None:
    stop = asyncio.Event()
    dead_messages, messages = await filled(queue, range(1, 8), stop)
    transferred: list[str] = []

    async def transfer(moved: DeadMessage) -> None:
        transferred.append(moved.message_id)
        if len(transferred) == 3:
            stop.set()

    assert await dead_messages.move(messages, transfer, per_second=100) == 3
    assert aws.depth(queue.url) == (4, 0)
    snapshot = await dead_messages.read()
    assert snapshot.messages == []
    assert snapshot.unseen == 4


async def test_stopping_does_not_wait_for_the_rate(queue: SqsQueue) -> None:
    stop = asyncio.Event()
    dead_messages, messages = await filled(queue, (1, 2), stop)

    async def transfer(_: DeadMessage) -> None:
        asyncio.get_running_loop().call_later(0.05, stop.set)

    started = time.monotonic()
    assert await dead_messages.move(messages, transfer, per_second=0.01) == 1
    assert time.monotonic() - started < 20


async def test_a_rate_spreads_the_transfers(queue: SqsQueue) -> None:
    dead_messages, messages = await filled(queue, (1, 2, 3))
    times: list[float] = []

    async def transfer(_: DeadMessage) -> None:
        times.append(time.monotonic())

    assert await dead_messages.move(messages, transfer, per_second=10) == 3
    for earlier, later in itertools.pairwise(times):
        assert later - earlier > 0.099


async def test_move_does_not_wait_for_messages_that_others_received(
    aws: Aws, queue: SqsQueue
) -> None:
    dead_messages, messages = await filled(queue, (1, 2, 3))
    aws.messages(queue.url)
    await queue.send(job_body(4))
    assert await dead_messages.move(messages, do_nothing) == 0
    assert aws.depth(queue.url) == (1, 0)
