"""Looking at dead letters and moving them, against moto's SQS."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cli.dlq import dead_messages
from cli.dlq.dead_messages import (
    DeadMessage,
    DeadMessages,
    Kind,
    MessageFilter,
    parse_delivery,
)
from cli.dlq.exports import ExportedMessage, missing_from
from cli.overrides import Overrides, replay_job
from pipeline.outcome import Outcome
from pipeline.queue import FAILED_GENERATION, REASON, Delivery, EntriesFailed, SqsQueue
from pipeline.store.contract import Finished, Submission
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import LEASE, claim, finish, job

URL = "https://github.com/octo/repo/issues/{}"


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto has one server, so that a short poll misses nothing."""
    monkeypatch.setattr(dead_messages, "POLL_SECONDS", 0)


def body(number: int, **fields: object) -> str:
    return json.dumps({"issue_url": URL.format(number), **fields})


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SqsQueue]:
    async with SqsQueue(url, visibility_timeout=dead_messages.HOLD_SECONDS) as queue:
        yield queue


def letter(
    text: str,
    attributes: dict[str, str] | None = None,
    *,
    message_id: str = "m",
    sent_at: float = 0,
) -> DeadMessage:
    named = {
        name: {"DataType": "String", "StringValue": value}
        for name, value in (attributes or {}).items()
    }
    return parse_delivery(Delivery(message_id, "handle", text, 1, named, 0.0, sent_at))


# What a letter is


@pytest.mark.parametrize(
    ("text", "attributes", "kind", "reason"),
    [
        (
            body(1),
            {FAILED_GENERATION: "2", REASON: "GitHub\n is down"},
            Kind.FAILED,
            "GitHub is down",
        ),
        (body(1), {}, Kind.UNFINISHED, dead_messages.MOVED_BY_SQS),
        (body(1), {FAILED_GENERATION: "-1"}, Kind.UNFINISHED, dead_messages.MOVED_BY_SQS),
        (
            body(1, schema_version=99),
            {},
            Kind.NEWER,
            "schema_version 99 is newer than this worker's 1",
        ),
        (body(1, color=1), {FAILED_GENERATION: "0"}, Kind.INVALID, "color: unknown field"),
        ("[]", {REASON: "told by the worker"}, Kind.UNREADABLE, "told by the worker"),
        ("{", {}, Kind.UNREADABLE, "the message is not JSON"),
    ],
)
def test_a_message_has_a_kind_and_a_reason(
    text: str, attributes: dict[str, str], kind: Kind, reason: str
) -> None:
    found = letter(text, attributes)
    assert found.kind is kind and found.reason.startswith(reason)
    assert (found.job is not None) == (kind in (Kind.FAILED, Kind.UNFINISHED))
    assert found.repository == ("octo/repo" if kind not in (Kind.NEWER, Kind.UNREADABLE) else None)


@pytest.mark.parametrize(
    ("wanted", "meant"),
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
def test_a_filter_selects_messages(wanted: MessageFilter, meant: bool) -> None:
    found = letter(body(1, job_id="ticket-7"), {REASON: "GitHub's rate limit: 403"}, sent_at=100.0)
    assert wanted.matches(found) is meant


def test_messages_with_one_cause_share_a_pattern() -> None:
    reasons = [
        f"GitHub said 403 (request {request}) after {n} tries"
        for request, n in (("AB12-f", 5), ("7c", 60))
    ]
    patterns = {letter("x", {REASON: reason}).pattern for reason in reasons}
    assert patterns == {"GitHub said * (request *) after * tries"}


@settings(deadline=None, max_examples=200)
@given(
    reason=st.text(max_size=400)
    | st.from_regex(r"[a-z*]{0,5}[ :-]+([0-9a-f]{1,8}[ -]?){0,5}", fullmatch=True)
)
def test_a_pattern_matches_its_own_messages(reason: str) -> None:
    found = letter("x", {REASON: reason})
    assert MessageFilter(reason=found.pattern).matches(found)


def test_a_hostile_reason_is_matched_in_linear_time() -> None:
    began = time.process_time()
    found = letter("x", {REASON: "a-" * 100_000})
    assert not MessageFilter(reason="*".join("a-" * 200) + "b").matches(found)
    assert len(found.pattern) <= 300 and time.process_time() - began < 2.0


# What a replay makes of a job


def test_a_replay_is_the_same_job_with_the_overrides() -> None:
    first = job(
        job_id="j",
        metadata={"a": "b"},
        limits={"max_rounds": 2, "max_cost_usd": 1},
        options={"labels": ["x"]},
    )
    replayed = replay_job(
        first, 3, Overrides(from_stage="propose_patch", model="m", max_cost_usd=5.0)
    )
    assert (
        replayed.id == first.id
        and replayed.metadata == first.metadata
        and replayed.options == first.options
    )
    assert (replayed.limits.max_rounds, replayed.limits.max_cost_usd) == (2, 5.0)
    assert replayed.replay is not None
    assert (replayed.replay.id, replayed.replay.from_stage, replayed.replay.model) == (
        "redrive:3",
        "propose_patch",
        "m",
    )
    assert replay_job(first, 0, Overrides()).digest == first.digest


def test_a_replay_of_a_replay_keeps_its_overrides() -> None:
    replayed = replay_job(
        job(replay={"id": "x", "model": "m", "from_stage": "checkout"}),
        1,
        Overrides(from_stage="run_tests"),
    )
    assert replayed.replay is not None
    assert replayed.replay.model_dump() == {
        "id": "redrive:1",
        "model": "m",
        "from_stage": "run_tests",
        "template_set": None,
    }


def test_an_override_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_cost_usd"):
        replay_job(job(), 0, Overrides(max_cost_usd=-1))


def test_replays_and_redrives_of_one_failure_make_one_generation(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite")
    finish(store, claim(store), Outcome.FAILED)
    replayed = replay_job(job(), 0, Overrides(model="m"))
    second = claim(store, replayed)
    finish(store, second, Outcome.NO_FIX)
    assert second.run.generation == 1 and '"m"' in second.run.body
    for wanted, redrive_of in (
        (replayed, None),
        (replay_job(job(), 0, Overrides()), None),
        (job(), 0),
    ):
        claimed = store.claim(Submission.of(wanted, redrive_of=redrive_of), lease_seconds=LEASE)
        assert isinstance(claimed, Finished) and claimed.run.generation == 1
    store.close()


# Looking and moving


async def test_every_message_is_read_once_and_is_visible_again_afterwards(aws: Aws) -> None:
    made = aws.make_queue()
    async with opened(made.dead_letters_url) as queue:
        sent = [await queue.send(body(number)) for number in range(1, 24)]
        seen: list[int] = []
        snapshot = await DeadMessages(queue, asyncio.Event()).read(seen.append)
        assert [found.message_id for found in snapshot.messages] == sent
        assert (snapshot.unseen, seen[-1]) == (0, 23)
        assert aws.depth(queue.url) == (23, 0)


async def test_messages_in_flight_elsewhere_are_counted(aws: Aws) -> None:
    made = aws.make_queue()
    async with opened(made.dead_letters_url) as queue:
        for number in (1, 2, 3):
            await queue.send(body(number))
        assert len(await queue.receive(2, 0)) == 2
        snapshot = await DeadMessages(queue, asyncio.Event()).read()
    assert (len(snapshot.messages), snapshot.unseen) == (1, 2)


class Twice(SqsQueue):
    """SQS as it may be: every letter is delivered twice, also after its deletion."""

    def __init__(self, url: str) -> None:
        super().__init__(url, visibility_timeout=900)
        self.last: list[Delivery] = []
        self.deleted: list[str] = []

    async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
        page = self.last or await super().receive(min(max_messages, 4), wait_seconds)
        self.last = [] if self.last else page
        return page

    async def delete(self, *deliveries: Delivery) -> None:
        self.deleted += [delivery.message_id for delivery in deliveries]
        await super().delete(*deliveries)


async def test_a_message_that_is_delivered_twice_counts_and_moves_once(aws: Aws) -> None:
    made = aws.make_queue()
    async with Twice(made.dead_letters_url) as queue:
        for number in range(1, 10):
            await queue.send(body(number))
        letters = DeadMessages(queue, asyncio.Event())
        snapshot = await letters.read()
        assert len(snapshot.messages) == 9
        kept: list[str] = []

        async def keep(found: DeadMessage) -> None:
            kept.append(found.message_id)

        chosen = snapshot.messages[::2]
        assert await letters.move(chosen, keep) == 5
        assert sorted(kept) == sorted(found.message_id for found in chosen)
    assert aws.depth(made.dead_letters_url) == (4, 0)


async def test_reading_ends_although_messages_keep_coming_around(aws: Aws) -> None:
    """As where holding them took longer than their visibility: no look goes on for ever."""

    class Circle(SqsQueue):
        received = 0

        async def receive(self, max_messages: int, wait_seconds: int = 20) -> list[Delivery]:
            self.received += 1
            first = self.received * 10 % 30
            return [
                Delivery(str(first + n), f"h{self.received}", "x", 1, {}, 0.0) for n in range(10)
            ]

        async def release(self, *deliveries: Delivery) -> None:
            assert {delivery.receipt_handle for delivery in deliveries} <= {
                f"h{n}" for n in range(99)
            }

    async with Circle(aws.make_queue().dead_letters_url, visibility_timeout=900) as queue:
        snapshot = await DeadMessages(queue, asyncio.Event()).read()
        assert (len(snapshot.messages), queue.received < 20) == (30, True)


async def look_at(
    queue: SqsQueue, numbers: Iterable[int], stop: asyncio.Event
) -> tuple[DeadMessages, list[DeadMessage]]:
    for number in numbers:
        await queue.send(body(number))
    letters = DeadMessages(queue, stop)
    return letters, (await letters.read()).messages


async def test_a_message_is_deleted_only_after_its_transfer(aws: Aws) -> None:
    made = aws.make_queue()
    async with opened(made.dead_letters_url) as queue:
        letters, found = await look_at(queue, range(1, 13), asyncio.Event())
        kept: list[str] = []

        async def keep(one: DeadMessage) -> None:
            if len(kept) == 3:
                raise ConnectionError("the main queue is down")
            kept.append(one.message_id)

        with pytest.raises(ConnectionError):
            await letters.move(found, keep)
        assert aws.depth(queue.url) == (9, 0)
        left = {one.message_id for one in (await letters.read()).messages}
    assert left == {one.message_id for one in found} - set(kept)


async def test_a_message_that_cannot_be_deleted_stays_and_raises(aws: Aws) -> None:
    class Undeletable(SqsQueue):
        async def delete(self, *deliveries: Delivery) -> None:
            raise EntriesFailed("DeleteMessageBatch", {deliveries[0].message_id: "InternalError"})

    made = aws.make_queue()
    async with Undeletable(made.dead_letters_url, visibility_timeout=900) as queue:
        letters, found = await look_at(queue, (1, 2), asyncio.Event())
        with pytest.raises(EntriesFailed):
            await letters.move(found, lambda _: asyncio.sleep(0))
        assert aws.depth(queue.url) == (2, 0)


async def test_stopping_ends_between_two_messages_and_hides_none(aws: Aws) -> None:
    made = aws.make_queue()
    stop = asyncio.Event()
    async with opened(made.dead_letters_url) as queue:
        letters, found = await look_at(queue, range(1, 8), stop)
        kept: list[str] = []

        async def keep(one: DeadMessage) -> None:
            kept.append(one.message_id)
            if len(kept) == 3:
                stop.set()

        assert await letters.move(found, keep, per_second=100) == 3
        assert aws.depth(queue.url) == (4, 0)
        snapshot = await letters.read()
        assert (snapshot.messages, snapshot.unseen) == ([], 4)


async def test_stopping_does_not_wait_for_the_rate(aws: Aws) -> None:
    made = aws.make_queue()
    stop = asyncio.Event()
    async with opened(made.dead_letters_url) as queue:
        letters, found = await look_at(queue, (1, 2), stop)

        async def keep(_: DeadMessage) -> None:
            asyncio.get_running_loop().call_later(0.05, stop.set)

        began = time.monotonic()
        assert await letters.move(found, keep, per_second=0.01) == 1
        assert time.monotonic() - began < 20


async def test_a_rate_spreads_the_transfers(aws: Aws) -> None:
    made = aws.make_queue()
    async with opened(made.dead_letters_url) as queue:
        letters, found = await look_at(queue, (1, 2, 3), asyncio.Event())
        at: list[float] = []

        async def keep(_: DeadMessage) -> None:
            at.append(time.monotonic())

        assert await letters.move(found, keep, per_second=10) == 3
    assert all(later - earlier > 0.099 for earlier, later in itertools.pairwise(at))


async def test_messages_taken_by_others_are_not_waited_for(aws: Aws) -> None:
    made = aws.make_queue()
    async with opened(made.dead_letters_url) as queue:
        letters, found = await look_at(queue, (1, 2, 3), asyncio.Event())
        aws.messages(queue.url)
        await queue.send(body(4))
        assert await letters.move(found, lambda _: asyncio.sleep(0)) == 0
        assert aws.depth(queue.url) == (1, 0)


# Exports


async def test_an_export_restores_body_and_attributes_exactly(aws: Aws) -> None:
    made = aws.make_queue()
    attributes = {
        "sender": {"DataType": "String", "StringValue": "ü\n"},
        "weight": {"DataType": "Number.kg", "StringValue": "7"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    async with opened(made.dead_letters_url) as queue:
        await queue.send(' not a job "ü" ', attributes)
        letters = DeadMessages(queue, asyncio.Event())
        (first,) = (await letters.read()).messages
        line = ExportedMessage.model_validate_json(
            ExportedMessage.of(first.delivery).model_dump_json()
        )
        await letters.move([first], lambda _: asyncio.sleep(0))
        await queue.send(line.body, line.boto_attributes)
        (second,) = (await letters.read()).messages
        assert second.delivery.body == first.delivery.body
        assert ExportedMessage.of(second.delivery).attributes == line.attributes
        assert (
            line.boto_attributes["blob"] == attributes["blob"]
            and line.message_id == first.message_id
        )
        assert missing_from([second], [line]) == []


def test_missing_messages_are_counted_by_content() -> None:
    there = [letter("a", message_id="1"), letter("b", {"x": "1"}, message_id="2")]
    wanted = [
        ExportedMessage.of(one.delivery)
        for one in (letter("a"), letter("a"), letter("b", {"x": "2"}), *there)
    ]
    assert [
        (line.body, line.attributes.get("x", {}).get("StringValue"))
        for line in missing_from(there, wanted)
    ] == [
        ("a", None),
        ("b", "2"),
        ("a", None),
    ]
