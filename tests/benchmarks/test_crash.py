"""A small crash run finds no defect, and finds those that are planted."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.crash_fakes import Bench, opened, summarise
from benchmarks.crash_judge import DEFECTS
from pipeline.outcome import Outcome
from tests.stand_ins.strict_aws import Published

JOBS = 16
KILLS = 4


@contextmanager
def changed_run(bench: Bench, job_id: str, field: str, value: str) -> Iterator[None]:
    """Change a field of the job's stored run while entered."""
    file = bench.folder / "shared/store.sqlite"
    original = file.read_bytes()
    sql = "UPDATE items SET data = json_set(data, ?, ?) WHERE pk = ? AND sk LIKE 'run#%'"
    with sqlite3.connect(file) as store:
        cursor = store.execute(sql, (f"$.{field}", value, f"job#{job_id}"))
        assert cursor.rowcount == 1
    store.close()
    yield
    file.write_bytes(original)


def kinds(bench: Bench) -> list[str]:
    return sorted({defect.kind for defect in bench.judge()})


@pytest.mark.slow
def test_kills_and_faults_cost_nothing_and_each_planted_defect_is_found(tmp_path: Path) -> None:
    with opened(KILLS, 4, JOBS, 2, tmp_path) as bench:
        bench.storm()
        bench.drain()
    defects = list(bench.judge())
    summary = summarise(bench, defects)
    assert defects == []
    assert list(summary) == ["calls_cut", "jobs", "deliveries", "faults", "kills", *DEFECTS]
    assert (summary["jobs"], summary["kills"]) == (JOBS, KILLS)
    assert summary["faults"] > KILLS, "AWS failed too"
    assert summary["deliveries"] >= JOBS

    (branch, _), *_ = bench.world.pulls.items()
    job_id = branch.removeprefix("fix/")
    events = bench.aws.sns.published
    job_events = [
        event for event in events if json.loads(event.message)["data"]["job_id"] == job_id
    ]

    bench.world.pulls[branch].append(99)
    assert kinds(bench) == ["duplicate_pull_requests"]
    bench.world.pulls[branch].pop()

    bench.aws.sns.published = [event for event in events if event not in job_events]
    assert kinds(bench) == ["events_missing"]
    bench.aws.sns.published = [
        *events,
        Published("", job_events[0].message.replace("{", "{ ", 1), {}),
    ]
    assert kinds(bench) == ["events_missing"], "a copy that is not the same"
    bench.aws.sns.published = events

    bench.world.paid_twice = 1
    assert kinds(bench) == ["paid_twice"]
    bench.world.paid_twice = 0

    with changed_run(bench, job_id, "outcome", Outcome.NO_FIX):
        assert kinds(bench) == ["wrong_outcomes"]
    with changed_run(bench, job_id, "state", "running"):
        assert kinds(bench) == ["lost"]
    assert kinds(bench) == []
