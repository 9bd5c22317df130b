"""Stores with many runs, for measurements of what reads them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.job import FixIssueJob
from pipeline.outcome import Event, Outcome, RunResult, Verification
from pipeline.store import rows
from pipeline.store.contract import RunRow, Submission
from pipeline.store.dynamodb import table_definition
from pipeline.store.dynamodb_items import to_attributes
from pipeline.store.rows import StoredJob, StoredRun
from pipeline.store.sqlite import SqliteTable
from pipeline.store.table import Item, Transaction

REPOSITORIES = 20
#: Addresses in each run's result.
ARTIFACTS = 9
#: Items that one BatchWriteItem takes
#: (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html).
_BATCH = 25
_START = 1_790_000_000.0
_SECONDS_APART = 60.0


def fill_sqlite(path: Path, runs: int) -> None:
    """Create a store with this many runs that have ended."""
    table = SqliteTable(path)

    def put_all(transaction: Transaction) -> None:
        for number in range(1, runs + 1):
            for item in _items(number):
                transaction.put(item)

    table.transact(put_all)
    table.close()


def fill_dynamodb(client: Any, name: str, runs: int) -> None:
    """Create a table with this many runs that have ended."""
    client.create_table(**table_definition(name))
    requests: list[dict[str, Any]] = []
    for number in range(1, runs + 1):
        for item in _items(number):
            requests.append({"PutRequest": {"Item": to_attributes(item, 1)}})
    for start in range(0, len(requests), _BATCH):
        client.batch_write_item(RequestItems={name: requests[start : start + _BATCH]})


def _items(number: int) -> Iterator[Item]:
    """Return the items by which a run is listed and found."""
    row = _ended_run(number)
    yield StoredJob(row.job_id, "digest", newest=0).item()
    yield StoredRun(row, replay_id=None).item()
    yield rows.numbered_run_item(row, number, expires=None)
    yield rows.numbered_run_item(row, _pull_request_number(number), expires=None)


def _pull_request_number(number: int) -> int:
    return 1_000_000 + number


def _ended_run(number: int) -> RunRow:
    name = f"octo/repo-{number % REPOSITORIES}"
    job = FixIssueJob(issue_url=f"https://github.com/{name}/issues/{number}")
    submission = Submission.of(job)
    created_at = _START + number * _SECONDS_APART
    logs = {}
    for log in range(ARTIFACTS):
        logs[f"log-{log}"] = f"file:///var/lib/coding-agent/artifacts/{submission.job_id}/{log}"
    result = RunResult(
        job_id=submission.job_id,
        generation=0,
        issue_url=submission.subject.url,
        repository=name,
        outcome=Outcome.PR_OPENED,
        reason="the tests that failed before pass with the change",
        verification=Verification.RED_TO_GREEN,
        pull_request_url=f"https://github.com/{name}/pull/{_pull_request_number(number)}",
        pull_request_number=_pull_request_number(number),
        rounds=1,
        cost_usd=0.25,
        seconds=120.0,
        trace="0" * 32,
        artifacts=logs,
    )
    return RunRow(
        job_id=submission.job_id,
        generation=0,
        repository=name,
        issue_url=submission.subject.url,
        body=submission.body,
        owner=None,
        created_at=created_at,
        state="finished",
        outcome=result.outcome,
        reason=result.reason,
        deliveries=1,
        seconds=result.seconds,
        micro_usd=250_000,
        finished_at=created_at + result.seconds,
        result=result.model_dump_json(),
        event=Event.about(result, "2026-11-30T09:00:00.000Z").model_dump_json(),
    )
