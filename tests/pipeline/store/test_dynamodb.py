"""The store on DynamoDB: conflicting writes, expiry, item sizes, pages of results."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError

from pipeline.errors import Family, LeaseLost, Retry, judge
from pipeline.job import MAX_METADATA_BYTES, Options
from pipeline.job.fields import MAX_LABELS, MAX_REVIEWERS
from pipeline.outcome import Event, Outcome
from pipeline.run_key import RunKey
from pipeline.store.contract import (
    BudgetExceeded,
    Busy,
    Checkpoint,
    Claimed,
    ClaimedInvalid,
    Finished,
    MoneyCaps,
    RunFilter,
    Submission,
)
from pipeline.store.dynamodb import TIME_TO_LIVE, DynamoStore, table_definition
from tests.stand_ins.moto import moto_client
from tests.stand_ins.runs import (
    DAY,
    LEASE,
    TOPIC,
    Clock,
    call_request,
    claim,
    finish,
    job,
    result_of,
)

CAPS = MoneyCaps(run=100, repository_day=100, day=100)
KEEP = 90 * 86_400


@pytest.fixture
def client() -> Any:
    return moto_client("dynamodb")


@pytest.fixture
def table(client: Any, tmp_path: Path) -> str:
    name = f"own-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    client.create_table(**table_definition(name))
    return name


@pytest.fixture
def store(client: Any, table: str, clock: Clock) -> DynamoStore:
    return DynamoStore(table, clock=clock, client=client)


@pytest.fixture
def other(table: str, clock: Clock) -> DynamoStore:
    """The same table from another worker."""
    return DynamoStore(table, clock=clock, client=moto_client("dynamodb"))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    lengths: list[int] = []
    monkeypatch.setattr("pipeline.store.dynamodb_queries.pause", lengths.append)
    return lengths


def before_next_write(client: Any, does: Callable[[], object]) -> None:
    """Do something once, between a method's reads and its writes."""
    remaining = [does]

    def interfere(**_: object) -> None:
        if remaining:
            remaining.pop()()

    client.meta.events.register("before-call.dynamodb.TransactWriteItems", interfere)


def fail_next(client: Any, operation: str, times: int, error: dict[str, Any]) -> None:
    """Make the next calls of an operation fail with an AWS error."""
    errors = [error] * times

    def refuse(**_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        return (AWSResponse("", 400, {}, None), errors.pop()) if errors else None

    client.meta.events.register(f"before-call.dynamodb.{operation}", refuse)


def cancelled(*codes: str) -> dict[str, Any]:
    return {
        "Error": {
            "Code": "TransactionCanceledException",
            "Message": f"Transaction cancelled [{', '.join(codes)}]",
        },
        "CancellationReasons": [{"Code": code} for code in codes],
    }


def reserve(store: DynamoStore, claimed: Claimed, micro_usd: int) -> object:
    return store.reserve(claimed.lease, call_request(micro_usd, key="k"), CAPS)


def stored_items(client: Any, table: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.scan(TableName=table)["Items"]
    return items


# Conflicting writes


def test_a_run_that_is_taken_over_before_a_write_is_not_written(
    store: DynamoStore, other: DynamoStore, client: Any, clock: Clock, pauses: list[int]
):
    claimed = claim(store)

    def take_over() -> None:
        clock.now += LEASE
        claim(other)

    before_next_write(client, take_over)
    with pytest.raises(LeaseLost):
        finish(store, claimed)
    run = other.run(job().id)
    assert run is not None
    assert (run.state, run.outcome, run.deliveries) == ("running", None, 2)
    assert other.pending_events() == []


def test_a_lease_that_ends_before_a_write_writes_nothing(
    store: DynamoStore, other: DynamoStore, client: Any, clock: Clock, pauses: list[int]
):
    claimed = claim(store)
    before_next_write(client, lambda: other.renew(claimed.lease, lease_seconds=-1.0))
    with pytest.raises(LeaseLost):
        store.save_checkpoint(claimed.lease, Checkpoint(1, "fetch", "{}", False, 1.0, clock.now))
    assert store.checkpoints(RunKey(job().id, 0)) == []


def test_the_later_of_two_concurrent_claims_is_busy(
    store: DynamoStore, other: DynamoStore, client: Any, clock: Clock, pauses: list[int]
):
    store.register(Submission.of(job()))
    before_next_write(client, lambda: claim(other))
    assert store.claim(Submission.of(job()), lease_seconds=LEASE) == Busy(clock.now + LEASE)


def test_a_lease_that_is_renewed_during_a_claim_stays(
    store: DynamoStore, other: DynamoStore, client: Any, clock: Clock, pauses: list[int]
):
    claimed = claim(other)
    clock.now += LEASE
    before_next_write(client, lambda: other.renew(claimed.lease, lease_seconds=LEASE))
    assert store.claim(Submission.of(job()), lease_seconds=LEASE) == Busy(clock.now + LEASE)
    other.save_checkpoint(claimed.lease, Checkpoint(1, "fetch", "{}", False, 1.0, clock.now))


def test_a_replay_submitted_twice_at_once_makes_one_generation(
    store: DynamoStore, other: DynamoStore, client: Any, pauses: list[int]
):
    finish(store, claim(store))
    replay = job(replay={"id": "again"})
    before_next_write(client, lambda: other.register(Submission.of(replay)))
    assert claim(store, replay).run.generation == 1
    assert [run.generation for run in store.runs()] == [1, 0]


def test_of_two_concurrent_replays_one_is_the_next_generation(
    store: DynamoStore, other: DynamoStore, client: Any, pauses: list[int]
):
    finish(store, claim(store))
    before_next_write(client, lambda: claim(other, job(replay={"id": "one"})))
    answered = store.claim(Submission.of(job(replay={"id": "two"})), lease_seconds=LEASE)
    assert isinstance(answered, Busy)
    assert [run.generation for run in store.runs()] == [1, 0]


def test_money_reserved_by_another_worker_before_a_write_counts(
    store: DynamoStore, other: DynamoStore, client: Any, pauses: list[int]
):
    claimed = claim(store)
    other_claim = claim(other, job(7))
    before_next_write(client, lambda: reserve(other, other_claim, 80))
    with pytest.raises(BudgetExceeded) as caught:
        reserve(store, claimed, 30)
    assert (caught.value.scope, caught.value.left) == ("repository_day", 20)
    assert store.spent(day=DAY) == 80
    assert store.calls(RunKey(job().id, 0)) == []


def test_a_cancellation_before_a_write_is_reported(
    store: DynamoStore, other: DynamoStore, client: Any, clock: Clock, pauses: list[int]
):
    claimed = claim(store)
    before_next_write(client, lambda: other.request_cancel(job().id))
    assert (
        store.save_checkpoint(claimed.lease, Checkpoint(1, "fetch", "{}", False, 1.0, clock.now))
        is True
    )
    assert len(store.checkpoints(RunKey(job().id, 0))) == 1


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_a_conflicting_transaction_is_tried_again(
    store: DynamoStore, client: Any, pauses: list[int], code: str
):
    fail_next(client, "TransactWriteItems", 3, cancelled("None", code))
    assert claim(store).run.deliveries == 1
    assert pauses == [1, 2, 3]


def test_a_conflicting_heartbeat_is_tried_again(store: DynamoStore, client: Any, pauses: list[int]):
    claimed = claim(store)
    fail_next(client, "TransactWriteItems", 2, cancelled("TransactionConflict"))
    assert store.renew(claimed.lease, lease_seconds=LEASE) is False
    assert pauses == [1, 2]


def test_a_heartbeat_before_a_write_is_not_undone(
    store: DynamoStore, other: DynamoStore, client: Any, clock: Clock, pauses: list[int]
):
    claimed = claim(store)
    before_next_write(client, lambda: other.renew(claimed.lease, lease_seconds=5 * LEASE))
    store.count_try(claimed.lease, "an error", 1.0)
    clock.now += 4 * LEASE
    assert store.count_try(claimed.lease, "another", 1.0) == 2


def test_a_store_with_too_many_conflicts_makes_the_run_wait(
    store: DynamoStore, client: Any, pauses: list[int]
):
    fail_next(client, "TransactWriteItems", 1000, cancelled("TransactionConflict"))
    with pytest.raises(Retry, match="too busy") as caught:
        claim(store)
    assert not caught.value.counts
    assert len(pauses) == 9


@pytest.mark.parametrize(
    "error",
    [
        cancelled("ValidationError", "None"),
        {"Error": {"Code": "AccessDeniedException", "Message": "no"}},
    ],
)
def test_other_errors_pass_through(
    store: DynamoStore, client: Any, pauses: list[int], error: dict[str, Any]
):
    fail_next(client, "TransactWriteItems", 1000, error)
    with pytest.raises(ClientError) as caught:
        claim(store)
    assert pauses == []
    assert judge(caught.value).family is Family.RETRY


# What this process wrote last


def count_reads(client: Any) -> list[str]:
    """Return the names of the calls that read, as they are made."""
    names: list[str] = []
    for name in ("GetItem", "BatchGetItem", "Query"):
        client.meta.events.register(
            f"before-call.dynamodb.{name}", lambda model, **_: names.append(model.name)
        )
    return names


def save(store: DynamoStore, claimed: Claimed, clock: Clock) -> bool:
    checkpoint = Checkpoint(1, "fetch", "{}", False, 1.0, clock.now)
    return store.save_checkpoint(claimed.lease, checkpoint)


def test_a_run_that_this_process_wrote_last_is_not_read_again(
    store: DynamoStore, client: Any, clock: Clock
):
    claimed = claim(store)
    save(store, claimed, clock)
    reads = count_reads(client)
    store.renew(claimed.lease, lease_seconds=LEASE)
    save(store, claimed, clock)
    assert reads == []
    assert len(store.checkpoints(claimed.lease.key)) == 2


def test_what_another_process_has_written_since_counts(
    store: DynamoStore, other: DynamoStore, clock: Clock, pauses: list[int]
):
    claimed = claim(store)
    other.request_cancel(job().id)
    assert save(store, claimed, clock) is True


def test_a_lease_that_another_process_has_taken_since_is_lost(
    store: DynamoStore, other: DynamoStore, clock: Clock, pauses: list[int]
):
    claimed = claim(store)
    clock.now += LEASE
    claim(other)
    clock.now -= LEASE  # as if this process had slept through it
    with pytest.raises(LeaseLost):
        save(store, claimed, clock)


def test_a_transaction_that_writes_nothing_decides_on_what_is_stored_now(
    store: DynamoStore, other: DynamoStore, clock: Clock
):
    claimed = claim(store)
    finish(other, claimed)
    assert isinstance(store.claim(Submission.of(job()), lease_seconds=LEASE), Finished)


def test_a_write_whose_reply_was_lost_is_read_before_the_next_one(
    store: DynamoStore, client: Any, clock: Clock, pauses: list[int]
):
    claimed = claim(store)

    def lose(**_: object) -> None:
        client.meta.events.unregister("after-call.dynamodb.TransactWriteItems", lose)
        raise ReadTimeoutError(endpoint_url="https://dynamodb", error="lost")

    client.meta.events.register("after-call.dynamodb.TransactWriteItems", lose)
    with pytest.raises(ReadTimeoutError):
        save(store, claimed, clock)
    reads = count_reads(client)
    save(store, claimed, clock)
    assert reads == ["GetItem"]
    assert pauses == []


# Expiry


def test_a_finished_run_is_forgotten_and_its_job_is_new(
    store: DynamoStore, client: Any, table: str, clock: Clock
):
    claimed = claim(store, job(replay={"id": "r"}))
    store.save_checkpoint(claimed.lease, Checkpoint(1, "fetch", "{}", False, 1.0, clock.now))
    store.intend(claimed.lease, "push", {"sha": "a"})
    reserve(store, claimed, 10)
    clock.now += LEASE / 2
    event = finish(store, claimed)
    store.mark_published(event.id)
    assert all(TIME_TO_LIVE["AttributeName"] in item for item in stored_items(client, table))
    clock.now += KEEP - 1
    assert isinstance(store.claim(Submission.of(job()), lease_seconds=LEASE), Finished)
    clock.now += 1
    assert store.run(job().id) is None
    assert store.runs() == []
    assert (
        store.checkpoints(RunKey(job().id, 0))
        == store.effects(job().id)
        == store.calls(RunKey(job().id, 0))
        == []
    )
    reclaimed = claim(store, job(metadata={"n": "2"}, replay={"id": "r"}))
    assert (reclaimed.run.generation, reclaimed.run.deliveries, reclaimed.body_differs) == (
        0,
        1,
        False,
    )
    finish(store, reclaimed)
    assert len(store.pending_events()) == 1


def test_unfinished_runs_and_pending_events_do_not_expire(store: DynamoStore, clock: Clock):
    finish(store, claim(store, job(7)))
    claimed = claim(store)
    clock.now += 2 * KEEP
    assert [run.issue_url for run in store.runs()] == [job().issue_url]
    assert len(store.pending_events()) == 1
    assert claim(store).run.generation == claimed.run.generation == 0


def test_a_replay_keeps_the_job_until_its_own_end(store: DynamoStore, clock: Clock):
    finish(store, claim(store))
    clock.now += KEEP - 1
    claimed = claim(store, job(replay={"id": "late"}))
    clock.now += LEASE - 1
    newest = store.run(job().id)
    assert store.run(job().id, 0) is None
    assert newest is not None
    assert newest.generation == 1
    finish(store, claimed)
    answered = store.claim(Submission.of(job()), lease_seconds=LEASE)
    assert isinstance(answered, Finished)
    assert answered.run.generation == 1


# Sizes and pages


def test_the_largest_result_and_event_fit_beside_a_large_job(
    store: DynamoStore, client: Any, table: str
):
    claimed = claim(store, job(metadata={"text": "x" * 30_000}))
    rng = random.Random(4)
    signed = {f"log-{n}": "".join(rng.choices("0123456789abcdef", k=1_800)) for n in range(100)}
    result = result_of(claimed).model_copy(update={"artifacts": signed})
    event = Event.about(result, "2001-09-09T01:46:40.000Z")
    store.finish(claimed.lease, result, event, TOPIC)
    run = store.run(job().id)
    assert run is not None
    assert run.event == event.model_dump_json()
    assert run.result == result.model_dump_json()
    assert store.pending_events()[0].body == event.model_dump_json()
    sizes = [
        len(json.dumps(item, default=lambda data: data.hex()[::2]))
        for item in stored_items(client, table)
    ]
    assert max(sizes) < 350_000


@pytest.mark.parametrize(
    "subject",
    [
        {"issue_url": "https://github.com/octo/repo/issues/7"},
        {"type": "address_review", "pull_request_url": "https://github.com/octo/repo/pull/7"},
    ],
)
def test_the_largest_invalid_message_can_be_rejected(store: DynamoStore, subject: dict[str, str]):
    noise = random.Random(5).randbytes(500_000).hex()
    body = json.dumps({**subject, "job_id": "large", "noise": noise})
    claimed = store.claim(Submission.read(body), lease_seconds=LEASE)
    assert isinstance(claimed, ClaimedInvalid)
    assert "noise: unknown field" in str(claimed.error)
    finish(store, claimed, Outcome.REJECTED)
    again = store.claim(Submission.read(body), lease_seconds=LEASE)
    assert isinstance(again, Finished)
    other = json.dumps({**subject, "job_id": "large", "noise": noise[::-1]})
    assert isinstance(store.claim(Submission.read(other), lease_seconds=LEASE), ClaimedInvalid)


def test_the_largest_valid_message_can_be_claimed(store: DynamoStore):
    rng = random.Random(6)

    def text(length: int) -> str:
        return "".join(rng.choices("0123456789abcdef", k=length))

    labels = tuple(text(50) for _ in range(MAX_LABELS))
    reviewers = tuple(text(39) for _ in range(MAX_REVIEWERS))
    largest = job(
        options=Options(labels=labels, reviewers=reviewers),
        metadata={text(100): text(MAX_METADATA_BYTES - 100)},
        base_branch=text(1_000),
        replay={"id": text(128), "model": text(200)},
    )
    claimed = claim(store, largest)
    store.intend(claimed.lease, "pull_request", {"body": text(65_536)})
    assert claimed.job == largest


def test_a_list_longer_than_a_page_is_complete(
    store: DynamoStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.store.dynamodb_queries.PAGE", 4)
    for number in range(1, 12):
        clock.now += 1
        finish(
            store, claim(store, job(number)), Outcome.NO_FIX if number > 2 else Outcome.PR_OPENED
        )
    assert [run.issue_url for run in store.runs()] == [job(n).issue_url for n in range(11, 0, -1)]
    opened = store.runs(RunFilter(outcome="pr_opened"), limit=1)
    assert [run.issue_url for run in opened] == [job(2).issue_url]
    events = [json.loads(event.body)["data"]["issue_url"] for event in store.pending_events()]
    assert events == [job(n).issue_url for n in range(1, 11)]


def test_unprocessed_keys_of_a_batch_are_requested_again(
    store: DynamoStore, client: Any, pauses: list[int]
):
    for number in (1, 2, 3):
        claim(store, job(number))

    def leave_over(parsed: dict[str, Any], **_: object) -> None:
        ((table, items),) = parsed["Responses"].items()
        if len(items) > 1:
            unprocessed = items.pop()
            parsed["UnprocessedKeys"] = {
                table: {"Keys": [{"pk": unprocessed["pk"], "sk": unprocessed["sk"]}]}
            }

    client.meta.events.register("after-call.dynamodb.BatchGetItem", leave_over)
    assert {run.issue_url for run in store.runs()} == {job(n).issue_url for n in (1, 2, 3)}


# The table


def test_the_table_is_paid_by_use_and_has_one_index(client: Any, table: str):
    description = client.describe_table(TableName=table)["Table"]
    assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [index["IndexName"] for index in description["GlobalSecondaryIndexes"]] == ["listed"]
    client.update_time_to_live(TableName=table, TimeToLiveSpecification=TIME_TO_LIVE)
    time_to_live = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert time_to_live["AttributeName"] == "expires"


def test_a_store_is_opened_with_the_variables_of_boto3(aws: Any, clock: Clock):
    name = "opened-by-environment"
    aws.client("dynamodb").create_table(**table_definition(name))
    opened = DynamoStore(name, clock=clock)
    assert claim(opened).run.state == "running"
    opened.close()
