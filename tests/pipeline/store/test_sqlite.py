"""What is SQLite's own: several processes on one file, and a store of a newer version."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlite_utils import Database

from pipeline.store.contract import Busy, Submission
from pipeline.store.migrations import NewerStore
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import LEASE, claim, finish, job

ROOT = Path(__file__).parents[3]
CLAIM = """
import sys
from pathlib import Path
from pipeline.store.contract import Submission
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import job
print("ready", flush=True)
sys.stdin.readline()
store = SqliteStore(Path(sys.argv[1]))
print(type(store.claim(Submission.of(job()), lease_seconds=60)).__name__)
"""


def test_of_two_processes_that_make_the_store_at_once_one_gets_the_run(tmp_path: Path):
    arguments = [sys.executable, "-c", CLAIM, str(tmp_path / "new" / "store.sqlite")]
    pipes = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    processes = [subprocess.Popen(arguments, cwd=ROOT, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in processes]
    assert sorted(out.strip() for out, _ in said) == ["Busy", "Claimed"], said


def test_many_stores_are_opened_on_a_new_file_at_once(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: SqliteStore(tmp_path / "store.sqlite"), range(8)))
    held = claim(stores[0])
    assert isinstance(stores[7].claim(Submission.of(job()), lease_seconds=LEASE), Busy)
    finish(stores[0], held)
    assert [len(store.pending_events()) for store in stores] == [1] * 8
    for store in stores:
        store.close()


def test_a_store_is_read_again_after_it_was_closed(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    event = finish(store, claim(store))
    store.close()
    again = SqliteStore(tmp_path / "store.sqlite")
    run = again.run(job().id)
    assert run is not None and run.event == event.model_dump_json()
    again.close()


def test_a_store_that_a_newer_version_wrote_is_refused(tmp_path: Path):
    path = tmp_path / "store.sqlite"
    SqliteStore(path).close()
    database = Database(path)
    database.table("_sqlite_migrations").insert(
        {"migration_set": "coding-agent", "name": "from_the_future", "applied_at": "2031-01-01"}
    )
    database.close()
    with pytest.raises(
        NewerStore, match=r"written by a newer coding-agent.*'from_the_future'.*upgrade this one"
    ):
        SqliteStore(path)


def test_a_commit_outlives_a_power_cut(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    told = {
        name: next(iter(store._db.query(f"PRAGMA {name}")))[name]
        for name in ("journal_mode", "synchronous")
    }
    assert told == {"journal_mode": "wal", "synchronous": 2}
    store.close()


def test_a_read_waits_for_no_write_and_sees_what_was_committed_before(tmp_path: Path):
    store = SqliteStore(tmp_path / "store.sqlite")
    claimed = claim(store)
    with ThreadPoolExecutor(1) as elsewhere, store._write():
        store._set(claimed.lease, "tries = 9")
        seen = elsewhere.submit(store.run, claimed.run.job_id, 0).result(timeout=20)
        within = store.run(claimed.run.job_id, 0)
        assert seen is not None and within is not None and (seen.tries, within.tries) == (0, 9)
    after = store.run(claimed.run.job_id, 0)
    assert after is not None and after.tries == 9
    store.close()
