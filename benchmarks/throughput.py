"""Empty jobs through the whole worker, against a bare aioboto3 loop that makes the same calls and
the same commits.

    python -m benchmarks.throughput [--jobs N] [--rounds R] [--concurrency C] [--json OUT]

All runs use the strict stand-in, in a process of its own, and SQLite on disk with synchronous=FULL.
In each round the bare loop, the worker, and the worker with logs and metrics take turns; a ratio is
the median over the rounds. The rows hold how many calls each job took."""

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.throughput_runs import Setting
from tests.stand_ins.aws import Aws
from tests.stand_ins.strict_aws import StrictAws

ROOT = Path(__file__).parents[1]
MODES = ("bare", "worker", "worker with logs")
CALLS = ("ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "Publish", "PublishBatch")
#: Seconds that one run may take.
PATIENCE = 300.0


def measure(mode: str, aws: Aws, jobs: int, concurrency: int) -> dict[str, Any]:
    """One run: ``jobs`` messages, from the first receive until all are deleted and told of."""
    queue = aws.make_queue("throughput")
    topic = aws.sns.create_topic(Name="throughput")["TopicArn"]
    bodies = [
        json.dumps({"issue_url": f"https://github.com/octo/repo/issues/{n + 1}"})
        for n in range(jobs)
    ]
    for start in range(0, jobs, 10):
        entries = [
            {"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])
        ]
        aws.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    before = counts(aws)
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        setting = Setting(
            environment=aws.environment,
            queue_url=queue.url,
            topic_arn=topic,
            folder=Path(folder),
            concurrency=concurrency,
        )
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput_runs", mode, setting.model_dump_json()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdout.readline()
            seconds = until_done(aws, before, jobs)
            process.stdin.write("\n")
            process.stdin.flush()
            used = json.loads(process.stdout.readline())
    after = counts(aws)
    called = {
        name: (after["calls"].get(name, 0) - before["calls"].get(name, 0)) / jobs for name in CALLS
    }
    return {
        "mode": mode,
        "jobs": jobs,
        "jobs_per_second": jobs / seconds,
        "cpu_ms_per_job": used["cpu"] / jobs * 1000,
        **{f"{name}_per_job": n for name, n in called.items()},
    }


def until_done(aws: Aws, before: dict[str, Any], jobs: int) -> float:
    """Seconds from the first delivery until every message is deleted and every event published."""
    started = None
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        now = counts(aws)
        if started is None and now["handed_out"] > before["handed_out"]:
            started = time.monotonic()
        done = min(now[name] - before[name] for name in ("deleted", "published"))
        if started is not None and done >= jobs:
            return time.monotonic() - started
        time.sleep(0.01)
    raise TimeoutError(f"{jobs} jobs were not done in {PATIENCE:g} s")


def counts(aws: Aws) -> dict[str, Any]:
    with urllib.request.urlopen(f"{aws.endpoint}/_strict", timeout=10) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def summarise(rows: list[dict[str, Any]]) -> dict[str, float]:
    by_mode = {mode: [row for row in rows if row["mode"] == mode] for mode in MODES}

    def ratio(mode: str) -> float:
        pairs = zip(by_mode[mode], by_mode["bare"], strict=True)
        return float(
            statistics.median(
                row["jobs_per_second"] / bare["jobs_per_second"] for row, bare in pairs
            )
        )

    return {
        "ratio": ratio("worker"),
        "ratio_with_logs": ratio("worker with logs"),
        "cpu_ms_per_job": statistics.median(
            row["cpu_ms_per_job"] for row in by_mode["worker with logs"]
        ),
    }


@contextmanager
def stand_in() -> Iterator[Aws]:
    """The strict stand-in in a process of its own: it must not share the worker's interpreter."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Aws(ours.recv())
    finally:
        ours.send("end")
        process.join(10)


def _serve(parent: Connection) -> None:
    with StrictAws() as server:
        parent.send(server.endpoint)
        parent.recv()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    rows = []
    with stand_in() as aws:
        for turn in range(chosen.rounds):
            for mode in MODES:
                rows.append(
                    {"round": turn + 1} | measure(mode, aws, chosen.jobs, chosen.concurrency)
                )
                print(
                    f"{mode}: {rows[-1]['jobs_per_second']:.0f} jobs/s", file=sys.stderr, flush=True
                )
    told = report.report("throughput", summarise(rows), rows)
    columns = list(rows[0])
    report.show(
        "throughput", columns, [[row[name] for name in columns] for row in rows], told["summary"]
    )
    report.write(told, chosen.json)


if __name__ == "__main__":
    main()
