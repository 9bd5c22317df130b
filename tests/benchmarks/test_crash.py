"""A small crash run: nothing goes wrong in it, and what would go wrong is found."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.crash import WRONGS, Bench, judge, opened, summarise
from pipeline.outcome import Outcome
from tests.stand_ins.strict_aws import Published

JOBS = 16
KILLS = 4


@contextmanager
def changed(bench: Bench, sql: str) -> Iterator[None]:
    """The store as it would be after ``sql``, for a while."""
    file = bench.folder / "shared/store.sqlite"
    kept = file.read_bytes()
    with sqlite3.connect(file) as store:
        assert store.execute(sql).rowcount == 1
    store.close()
    yield
    file.write_bytes(kept)


def found(bench: Bench) -> list[str]:
    return sorted({finding.kind for finding in judge(bench)})


def test_kills_and_faults_cost_nothing_and_a_loss_would_be_seen(tmp_path: Path) -> None:
    with opened(KILLS, 4, JOBS, 2, tmp_path) as bench:
        bench.storm()
        bench.drain()
    findings = list(judge(bench))
    told = summarise(bench, findings)
    assert findings == []
    assert list(told) == ["calls_cut", "jobs", "deliveries", "faults", "kills", *WRONGS]
    assert (told["jobs"], told["kills"]) == (JOBS, KILLS)
    assert told["faults"] > KILLS, "AWS failed too"
    assert told["deliveries"] >= JOBS

    (branch, _), *_ = bench.world.pulls.items()
    job_id = branch.removeprefix("fix/")
    events = bench.aws.sns.published
    ours = [event for event in events if json.loads(event.message)["data"]["job_id"] == job_id]

    bench.world.pulls[branch].append(99)
    assert found(bench) == ["duplicate_pull_requests"]
    bench.world.pulls[branch].pop()

    bench.aws.sns.published = [event for event in events if event not in ours]
    assert found(bench) == ["events_missing"]
    bench.aws.sns.published = [*events, Published("", ours[0].message.replace("{", "{ ", 1), {})]
    assert found(bench) == ["events_missing"], "a copy that is not the same"
    bench.aws.sns.published = events

    bench.world.paid_twice = 1
    assert found(bench) == ["paid_twice"]
    bench.world.paid_twice = 0

    with changed(bench, f"UPDATE runs SET outcome = '{Outcome.NO_FIX}' WHERE job_id = '{job_id}'"):
        assert found(bench) == ["wrong_outcomes"]
    with changed(bench, f"UPDATE runs SET state = 'running' WHERE job_id = '{job_id}'"):
        assert found(bench) == ["lost"]
    assert found(bench) == []
