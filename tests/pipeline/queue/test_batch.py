import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.queue.batch import BATCH, TRIES, Batch, EntriesFailed

Answer = dict[str, Any]


class Sqs:
    """Answer batch calls. ``fails``: entry -> how often it still fails, and the failure."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.done: list[str] = []
        self.fails: dict[str, tuple[int, Answer]] = {}
        self.go = asyncio.Event()
        self.go.set()

    async def call(self, entries: list[Answer]) -> Answer:
        assert 1 <= len(entries) <= 10
        assert len({entry["Id"] for entry in entries}) == len(entries)
        self.calls.append([entry["ReceiptHandle"] for entry in entries])
        await self.go.wait()
        failed = []
        for entry in entries:
            failures_left, failure = self.fails.get(entry["ReceiptHandle"], (0, {}))
            if failures_left:
                self.fails[entry["ReceiptHandle"]] = (failures_left - 1, failure)
                failed.append({"Id": entry["Id"], **failure})
            else:
                self.done.append(entry["ReceiptHandle"])
        return {"Successful": [], "Failed": failed} if failed else {"Successful": []}

    def batch(self) -> Batch:
        return Batch("DeleteMessageBatch", self.call)


@pytest.fixture(autouse=True)
def delays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of failures before each wait; no wait takes time."""
    failures: list[int] = []

    def no_delay(count: int, *, base: float, cap: float) -> float:
        failures.append(count)
        return 0.0

    monkeypatch.setattr("pipeline.backoff.backoff", no_delay)
    return failures


THROTTLED = {"Code": "RequestThrottled", "SenderFault": True}
INTERNAL = {"Code": "InternalError", "SenderFault": False}
STALE = {"Code": "ReceiptHandleIsInvalid", "SenderFault": True}


async def add(batch: Batch, name: str) -> None:
    await batch.add(f"id-{name}", {"ReceiptHandle": name})


async def test_entries_that_arrive_during_a_call_are_sent_together():
    sqs = Sqs()
    sqs.go.clear()
    batch = sqs.batch()
    first = asyncio.create_task(add(batch, "first"))
    while not sqs.calls:
        await asyncio.sleep(0)
    others = [asyncio.create_task(add(batch, str(n))) for n in range(BATCH + 2)]
    await asyncio.sleep(0)
    sqs.go.set()
    await asyncio.gather(first, *others)
    assert [len(call) for call in sqs.calls] == [1, BATCH, 2]
    assert len(sqs.done) == BATCH + 3


@pytest.mark.parametrize("failure", [THROTTLED, INTERNAL])
async def test_throttled_entry_is_resent_until_sqs_accepts_it(failure: Answer, delays: list[int]):
    sqs = Sqs()
    sqs.fails["a"] = (2, failure)
    await asyncio.gather(add(sqs.batch(), "a"))
    assert (sqs.calls, sqs.done) == ([["a"]] * 3, ["a"])
    assert delays == [1, 2]


async def test_failing_entry_is_given_up_and_blocks_no_other():
    sqs = Sqs()
    sqs.fails["a"] = (1000, THROTTLED)
    batch = sqs.batch()
    refused, fine = await asyncio.gather(add(batch, "a"), add(batch, "b"), return_exceptions=True)
    assert isinstance(refused, EntriesFailed)
    assert (refused.codes, fine) == ({"id-a": "RequestThrottled"}, None)
    assert sum("a" in call for call in sqs.calls) == TRIES
    assert sqs.done == ["b"]


async def test_entry_refused_with_senders_fault_is_not_sent_again():
    sqs = Sqs()
    sqs.fails["a"] = (1, STALE)
    with pytest.raises(EntriesFailed, match=r"id-a .ReceiptHandleIsInvalid"):
        await add(sqs.batch(), "a")
    assert len(sqs.calls) == 1


async def test_failing_call_fails_its_entries_and_not_the_next_call():
    answers: list[Exception | None] = [ConnectionError("credentials have expired"), None]

    async def call(entries: list[Answer]) -> Answer:
        if error := answers.pop(0):
            raise error
        return {}

    batch = Batch("DeleteMessageBatch", call)
    results = await asyncio.gather(add(batch, "a"), add(batch, "b"), return_exceptions=True)
    assert [type(error) for error in results] == [ConnectionError] * 2
    await add(batch, "c")
    assert answers == []


async def test_cancelled_entry_blocks_no_other():
    sqs = Sqs()
    sqs.go.clear()
    batch = sqs.batch()
    cancelled = asyncio.create_task(add(batch, "gone"))
    waiting = asyncio.create_task(add(batch, "kept"))
    while not sqs.calls:
        await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait({cancelled})
    sqs.go.set()
    await waiting
    assert sqs.done == ["gone", "kept"]


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fails=st.lists(st.integers(0, TRIES + 1), max_size=35))
def test_each_entry_succeeds_once_or_is_reported_as_failed(fails: list[int]):
    async def check() -> None:
        sqs = Sqs()
        sqs.fails = {str(n): (count, INTERNAL) for n, count in enumerate(fails)}
        batch = sqs.batch()
        results = await asyncio.gather(
            *(add(batch, str(n)) for n in range(len(fails))), return_exceptions=True
        )
        assert sorted(sqs.done) == sorted(str(n) for n, count in enumerate(fails) if count < TRIES)
        assert [error is None for error in results] == [count < TRIES for count in fails]

    asyncio.run(check())


async def test_entry_waits_only_until_its_batch_is_full():
    sqs = Sqs()
    batch = Batch("DeleteMessageBatch", sqs.call, gather=3600)
    await asyncio.gather(*(add(batch, str(n)) for n in range(BATCH)))
    assert [len(call) for call in sqs.calls] == [BATCH]


async def test_lone_entry_is_sent_after_its_wait():
    sqs = Sqs()
    batch = Batch("DeleteMessageBatch", sqs.call, gather=0.001)
    await add(batch, "a")
    await asyncio.gather(add(batch, "b"), add(batch, "c"))
    assert sqs.calls == [["a"], ["b", "c"]]
