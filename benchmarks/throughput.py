"""Throughput of the whole worker with empty jobs, compared with two bare aioboto3 loops: one that
makes a call and a commit for each step of each job, and one that batches both, as the worker does.

    python -m benchmarks.throughput [--jobs N] [--rounds R] [--concurrency C] [--json OUT]

All runs use the strict stand-in, in a separate process, and SQLite on disk with synchronous=FULL.
In each round the bare loops, the worker, and the worker with logs and metrics run in turn, then
with spans that are kept in memory, and with spans that are encoded for a collector and figures for
Prometheus. A ratio is the median over the rounds. The rows contain the number of calls per job.
"""

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

from pydantic import BaseModel

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.throughput_setting import Setting, Used
from pipeline.queue import BATCH
from tests.stand_ins.aws import Aws
from tests.stand_ins.strict_aws import StrictAws

ROOT = Path(__file__).parents[1]
MODES = (
    "bare",
    "bare, batched",
    "worker",
    "worker with logs",
    "worker with spans",
    "worker with OTLP",
)
SPEED = "jobs_per_second"
CPU = "cpu_ms_per_job"
CALLS = ("ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "Publish", "PublishBatch")
#: Seconds that one run may take.
PATIENCE = 300.0


class Counts(BaseModel):
    """The stand-in's counters since its start."""

    handed_out: int
    deleted: int
    published: int
    calls: dict[str, int]


def measure(mode: str, aws: Aws, jobs: int, concurrency: int) -> dict[str, Any]:
    """Process ``jobs`` messages, timed from the first receive to the last delete and publish."""
    queue = aws.make_queue("throughput")
    topic_arn = aws.sns.create_topic(Name="throughput")["TopicArn"]
    send_jobs(aws, queue.url, jobs)
    before = read_counts(aws)
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        setting = Setting(
            environment=aws.environment,
            queue_url=queue.url,
            topic_arn=topic_arn,
            folder=Path(folder),
            concurrency=concurrency,
        )
        seconds, used = run_process(mode, setting, aws, before, jobs)
    after = read_counts(aws)
    row: dict[str, Any] = {
        "mode": mode,
        "jobs": jobs,
        SPEED: jobs / seconds,
        CPU: used.cpu / jobs * 1000,
    }
    for name in CALLS:
        calls = after.calls.get(name, 0) - before.calls.get(name, 0)
        row[f"{name}_per_job"] = calls / jobs
    return row


def send_jobs(aws: Aws, queue_url: str, jobs: int) -> None:
    entries = []
    for number in range(1, jobs + 1):
        body = {"issue_url": f"https://github.com/octo/repo/issues/{number}"}
        entries.append({"Id": str(number), "MessageBody": json.dumps(body)})
    for start in range(0, jobs, BATCH):
        aws.sqs.send_message_batch(QueueUrl=queue_url, Entries=entries[start : start + BATCH])


def run_process(
    mode: str, setting: Setting, aws: Aws, before: Counts, jobs: int
) -> tuple[float, Used]:
    """Run the jobs in a separate process. Return the seconds and the resources it used."""
    command = [sys.executable, "-m", "benchmarks.throughput_runs", mode, setting.model_dump_json()]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()  # it is ready
        seconds = wait_until_done(aws, before, jobs)
        process.stdin.write("\n")
        process.stdin.flush()
        used = Used.model_validate_json(process.stdout.readline())
    return seconds, used


def wait_until_done(aws: Aws, before: Counts, jobs: int) -> float:
    """Return the seconds from the first delivery until all jobs are deleted and published."""
    started = None
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        counts = read_counts(aws)
        if started is None and counts.handed_out > before.handed_out:
            started = time.monotonic()
        deleted = counts.deleted - before.deleted
        published = counts.published - before.published
        if started is not None and min(deleted, published) >= jobs:
            return time.monotonic() - started
        time.sleep(0.01)
    raise TimeoutError(f"{jobs} jobs were not done in {PATIENCE:g} s")


def read_counts(aws: Aws) -> Counts:
    with urllib.request.urlopen(f"{aws.endpoint}/_strict", timeout=10) as response:
        return Counts.model_validate_json(response.read())


def summarise(rows: list[dict[str, Any]]) -> dict[str, float]:
    with_logs = [row[CPU] for row in rows if row["mode"] == "worker with logs"]
    return {
        "ratio": median_ratio(rows, SPEED, "worker", "bare"),
        "ratio_to_batched": median_ratio(rows, SPEED, "worker", "bare, batched"),
        "ratio_with_logs": median_ratio(rows, SPEED, "worker with logs", "bare"),
        "ratio_spans_to_logs": median_ratio(rows, SPEED, "worker with spans", "worker with logs"),
        "ratio_otlp_to_logs": median_ratio(rows, SPEED, "worker with OTLP", "worker with logs"),
        "cpu_ratio_spans_to_logs": median_ratio(rows, CPU, "worker with spans", "worker with logs"),
        "cpu_ratio_otlp_to_logs": median_ratio(rows, CPU, "worker with OTLP", "worker with logs"),
        "cpu_ms_per_job": statistics.median(with_logs),
    }


def median_ratio(rows: list[dict[str, Any]], column: str, mode: str, other: str) -> float:
    """Return a mode's value relative to another's: the median over the rounds."""
    values = [row[column] for row in rows if row["mode"] == mode]
    others = [row[column] for row in rows if row["mode"] == other]
    ratios = [value / compared for value, compared in zip(values, others, strict=True)]
    return float(statistics.median(ratios))


@contextmanager
def stand_in() -> Iterator[Aws]:
    """Run the strict stand-in in a separate process, since it must not share an interpreter."""
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_serve, args=(child_end,), daemon=True)
    process.start()
    try:
        yield Aws(parent_end.recv())
    finally:
        parent_end.send("end")
        process.join(10)


def _serve(parent: Connection) -> None:
    with StrictAws() as server:
        parent.send(server.endpoint)
        parent.recv()


def main(arguments: list[str] | None = None) -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rows = []
    with stand_in() as aws:
        for number in range(1, options.rounds + 1):
            for mode in MODES:
                row = measure(mode, aws, options.jobs, options.concurrency)
                rows.append({"round": number, **row})
                print(f"{mode}: {row['jobs_per_second']:.0f} jobs/s", file=sys.stderr, flush=True)
    result = report.report("throughput", summarise(rows), rows)
    columns = list(rows[0])
    lines = [[row[column] for column in columns] for row in rows]
    report.show("throughput", columns, lines, result["summary"])
    report.write(result, options.json)


if __name__ == "__main__":
    main()
