"""The store on SQLite: several processes on one file, a newer version's file, views for people."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlite_utils import Database

from pipeline.outcome import Event, Outcome
from pipeline.run_key import RunKey
from pipeline.store.contract import (
    Busy,
    Call,
    Checkpoint,
    Effect,
    Moment,
    MoneyCaps,
    PendingEvent,
    Round,
    RunRow,
    Submission,
)
from pipeline.store.rows import StoredRun, run_item_key
from pipeline.store.schema import NewerStore, NotAStore, OlderStore
from pipeline.store.sqlite import SqliteStore, SqliteTable
from pipeline.store.sqlite_reader import SqliteReader
from pipeline.store.table import Transaction
from tests.stand_ins.runs import (
    DAY,
    LEASE,
    START,
    TOPIC,
    Clock,
    call_request,
    claim,
    finish,
    job,
    result_of,
)

ROOT = Path(__file__).parents[3]
CAPS = MoneyCaps(10**6, 10**6, 10**6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "store.sqlite"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, clock=clock)
    yield opened
    opened.close()


def start_claim_program(path: Path) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "tests.pipeline.store.claim_program", str(path)]
    pipe = subprocess.PIPE
    return subprocess.Popen(program, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_of_two_processes_that_make_the_store_at_once_one_gets_the_run(path: Path):
    processes = [start_claim_program(path) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60) for process in processes]
    answers = sorted(output.strip() for output, _ in outputs)
    assert answers == ["Busy", "Claimed"], outputs


def test_many_stores_are_opened_on_a_new_file_at_once(path: Path):
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: SqliteStore(path), range(8)))
    claimed = claim(stores[0])
    assert isinstance(stores[7].claim(Submission.of(job()), lease_seconds=LEASE), Busy)
    finish(stores[0], claimed)
    assert [len(store.pending_events()) for store in stores] == [1] * 8
    for store in stores:
        store.close()


@pytest.mark.parametrize("number", range(20))
def test_a_store_is_never_seen_half_made(tmp_path: Path, number: int):
    path = tmp_path / "store.sqlite"
    start = Barrier(5)

    def make() -> None:
        start.wait()
        SqliteStore(path).close()

    def read() -> None:
        start.wait()
        while not path.exists():
            continue
        SqliteReader(path).close()

    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(task) for task in (make, make, make, read, read)]
        for future in futures:
            future.result()
    assert [file.name for file in tmp_path.iterdir()] == ["store.sqlite"]


def test_a_store_keeps_its_content_when_reopened(path: Path):
    store = SqliteStore(path)
    event = finish(store, claim(store))
    store.close()
    reopened = SqliteStore(path)
    run = reopened.run(job().id)
    assert run is not None
    assert run.event == event.model_dump_json()
    reopened.close()


def test_a_store_that_a_newer_version_wrote_is_refused(path: Path):
    SqliteStore(path).close()
    database = Database(path)
    newer = {"migration_set": "coding-agent", "name": "from_the_future", "applied_at": "2031-01-01"}
    database.table("_sqlite_migrations").insert(newer)
    database.close()
    with pytest.raises(
        NewerStore, match=r"written by a newer coding-agent.*'from_the_future'.*upgrade this one"
    ):
        SqliteStore(path)


def test_a_commit_outlives_a_power_cut(path: Path):
    table = SqliteTable(path)
    pragmas = {}
    for name in ("journal_mode", "synchronous"):
        (pragmas[name],) = table._writer.execute(f"PRAGMA {name}").fetchone()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    table.close()


def test_a_read_does_not_wait_for_a_transaction(path: Path):
    table = SqliteTable(path)
    store = SqliteStore(path)
    key = claim(store).run.key
    store.close()

    def tries(elsewhere: SqliteTable | Transaction) -> int:
        item = elsewhere.get(run_item_key(key))
        assert item is not None
        return StoredRun.read(item).row.tries

    def count_a_try(tx: Transaction) -> tuple[int, int]:
        item = tx.get(run_item_key(key))
        assert item is not None
        tx.put(replace(item, data={**item.data, "tries": 9}))
        return pool.submit(tries, table).result(timeout=20), tries(tx)

    with ThreadPoolExecutor(1) as pool:
        assert table.transact(count_a_try) == (0, 9)
    assert tries(table) == 9
    table.close()


def test_a_transaction_that_raises_writes_nothing(store: SqliteStore, path: Path):
    claimed = claim(store)
    before = store.run(job().id)
    result = result_of(claimed).model_copy(update={"reason": "\ud800"})
    event = finish(store, claim(store, job(2)))
    with pytest.raises(Exception, match="surrogate"):
        store.finish(claimed.lease, result, event, TOPIC)
    assert store.run(job().id) == before


# The views


def view_row(path: Path, view: str) -> dict[str, Any]:
    database = Database(path)
    (row,) = database.query(f"SELECT * FROM {view}")
    database.close()
    return dict(row)


def test_the_runs_are_a_view(store: SqliteStore, path: Path):
    store.register(Submission.of(job(replay={"id": "again"}), owner="sevalla"))
    claimed = claim(store, job(replay={"id": "again"}))
    event = finish(store, claimed, Outcome.PR_OPENED)
    assert view_row(path, "runs") == {
        "job_id": job().id,
        "generation": 0,
        "replay_id": "again",
        "repository": "octo/repo",
        "issue_url": job().issue_url,
        "body": claimed.run.body,
        "state": "finished",
        "outcome": "pr_opened",
        "reason": "a reason",
        "round": 1,
        "tries": 0,
        "deliveries": 1,
        "crashes": 0,
        "owner": "sevalla",
        "seconds": 0.0,
        "cancel_requested": 0,
        "created_at": START,
        "finished_at": START,
        "last_error": None,
        "waits": 0,
        "waiting_since": None,
        "dead_lettered": 0,
        "micro_usd": 0,
        "model": None,
        "template_set": None,
        "traceparent": None,
        "lease_token": claimed.lease.token,
        "lease_expires_at": START + LEASE,
        "result": result_of(claimed, Outcome.PR_OPENED).model_dump_json(),
        "event": event.model_dump_json(),
    }


def test_the_calls_are_a_view(store: SqliteStore, path: Path):
    claimed = claim(store)
    store.reserve(claimed.lease, call_request(40), CAPS)
    assert view_row(path, "calls") == {
        "job_id": job().id,
        "generation": 0,
        "key": "propose/1",
        "attempt": 1,
        "state": "reserved",
        "micro_usd": 40,
        "reply_key": "replies/1",
        "model": "m",
        "repository": "octo/repo",
        "day": DAY,
        "created_at": START,
        "owner": None,
        "ended_at": None,
    }
    finish(store, claimed)
    assert view_row(path, "calls")["state"] == "cut"


@pytest.mark.parametrize(
    ("view", "row"),
    [
        ("runs", RunRow),
        ("history", Moment),
        ("checkpoints", Checkpoint),
        ("rounds", Round),
        ("effects", Effect),
        ("calls", Call),
        ("events", PendingEvent),
    ],
)
def test_a_view_has_a_column_for_each_value(
    store: SqliteStore, path: Path, view: str, row: type[Any]
) -> None:
    database = Database(path)
    columns = set(database[view].columns_dict)
    database.close()
    assert {field.name for field in fields(row)} <= columns


def test_a_run_of_an_older_version_has_the_defaults_of_new_fields(store: SqliteStore, path: Path):
    claim(store)
    database = Database(path)
    with database.conn:
        database.execute("UPDATE items SET data = json_remove(data, '$.waits', '$.dead_lettered')")
    run = store.run(job().id)
    assert run is not None and (run.waits, run.dead_lettered) == (0, False)


def test_a_run_that_an_older_version_ended_costs_what_its_result_says(
    store: SqliteStore, path: Path
):
    claimed = claim(store)
    result = result_of(claimed).model_copy(update={"cost_usd": 0.25})
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40Z"), None)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE items SET data = json_remove(data, '$.micro_usd')")
    run = store.run(job().id)
    assert run is not None and run.micro_usd == 250_000


def test_runs_of_an_older_version_are_found_after_its_migration(path: Path, clock: Clock):
    with closing(SqliteStore(path, clock=clock)) as store:
        claimed = claim(store)
        result = result_of(claimed).model_copy(update={"pull_request_number": 7})
        store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40Z"), None)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM items WHERE pk LIKE 'number#%'")
        database.execute("UPDATE items SET listing = NULL WHERE listing = 'job'")
        database.execute("DELETE FROM _sqlite_migrations WHERE name = 'finding runs'")
    with pytest.raises(OlderStore):
        SqliteReader(path)
    with closing(SqliteStore(path, clock=clock)) as store:
        assert [run.key for run in store.jobs_beginning_with(job().id, 2)] == [claimed.run.key]
        assert [run.key for run in store.runs_numbered(42)] == [claimed.run.key]
        assert [run.key for run in store.runs_numbered(7, "octo/repo")] == [claimed.run.key]


def test_a_reader_creates_nothing(store: SqliteStore, path: Path):
    with pytest.raises(sqlite3.OperationalError):
        SqliteReader(path.with_name("typo.sqlite"))
    claim(store)
    store.close()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with closing(SqliteReader(path)) as reader:
        assert [run.state for run in reader.runs()] == ["running"]
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
    assert list(before) == [path.name]


def test_a_reader_sees_what_a_worker_commits(store: SqliteStore, path: Path):
    with closing(SqliteReader(path)) as reader:
        assert reader.runs() == []
        claim(store)
        assert [run.state for run in reader.runs()] == ["running"]


def test_a_file_that_is_no_store_is_not_read(path: Path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE accounts (name)")
    before = path.read_bytes()
    with pytest.raises(NotAStore):
        SqliteReader(path)
    assert path.read_bytes() == before


def test_the_events_are_a_view(store: SqliteStore, path: Path):
    event = finish(store, claim(store))
    row = view_row(path, "events")
    assert row == {
        "event_id": event.id,
        "job_id": job().id,
        "generation": 0,
        "type": "run.finished",
        "topic_arn": TOPIC,
        "body": event.model_dump_json(),
        "attributes": '{"type":"run.finished","repository":"octo/repo","outcome":"no_fix"}',
        "created_at": START,
        "published_at": None,
        "tries": None,
        "due_at": None,
        "last_error": None,
    }
    store.mark_published(event.id)
    assert view_row(path, "events") == {**row, "published_at": START}


def test_the_parts_of_a_run_are_views(store: SqliteStore, path: Path):
    claimed = claim(store)
    store.save_checkpoint(claimed.lease, Checkpoint(1, "fetch", "{}", False, 1.5, START))
    store.open_round(claimed.lease, Round(2, "fetch", "red", {"n": 1}), 1.0)
    store.intend(claimed.lease, "push", {"sha": "a"})
    assert view_row(path, "checkpoints")["stage"] == "fetch"
    assert view_row(path, "rounds")["note"] == '{"n":1}'
    assert view_row(path, "effects")["intention"] == '{"sha":"a"}'
    database = Database(path)
    moments = [row["what"] for row in database.query("SELECT what FROM history")]
    database.close()
    assert moments == ["registered", "delivered"]
    assert len(store.history(RunKey(job().id, 0))) == 2
