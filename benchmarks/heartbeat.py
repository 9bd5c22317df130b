"""Heartbeats while the event loop is blocked, and a stop with runs in progress: a whole worker on a
stand-in for SQS.

    python -m benchmarks.heartbeat [--runs 8] [--block SECONDS] [--times 4] [--visibility 12]
                                   [--json OUT]

Each run waits forever. The loop is blocked ``--times`` times by a sleep of SECONDS; each heartbeat
renews a lease in SQLite and extends a message in SQS. Goals: lateness p99 below a tenth of the
heartbeat's interval; no lease lost; no message delivered again; within 25 s after the stop, every
message is released and visible.
"""

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.arguments import make_parser
from benchmarks.report import report, show, write
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps
from pipeline.engine.engine import Engine
from pipeline.job import FIX_ISSUE, FixIssueJob
from pipeline.metrics import percentile
from pipeline.policy import Policy
from pipeline.queue import SqsQueue
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.sqlite import SqliteStore
from pipeline.worker.heartbeat import Heartbeat
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker
from tests.stand_ins.aws import Aws
from tests.stand_ins.strict_aws import StrictAws


class WaitForever:
    name = "wait_forever"

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)

    async def run(self, run: RunContext) -> Stop:
        self.begun.release()
        await asyncio.Event().wait()
        raise AssertionError("nothing sets that event")


@dataclass(frozen=True)
class Options:
    runs: int
    block: float
    """Seconds for which the loop is blocked."""
    times: int
    visibility: int
    """Seconds."""

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats of a run."""
        return self.visibility / 3


@dataclass(frozen=True)
class Stopped:
    """The runs before the stop, its duration, and the messages after it."""

    kept: int
    """Runs that the worker still held, in their first delivery."""
    seconds: float
    visible: int
    """Messages that can be received again."""


async def measure(
    aws: Aws, folder: Path, options: Options
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Return the summary, and a row for each time that the loop was blocked."""
    queue_stand_in = aws.make_queue()
    topic = aws.make_topic()
    stage = WaitForever()
    store = SqliteStore(folder / "store.sqlite")
    policy = Policy(EffectiveLimits(1.0, 600.0, 3), 100.0, 100.0, topic.arn)
    engine = make_engine(stage, store, policy, folder)
    stop = asyncio.Event()
    queue = SqsQueue(queue_stand_in.url, visibility_timeout=options.visibility)
    async with queue, Publisher(store, policy.topic_of) as publisher:
        await submit_jobs(queue, options.runs)
        tools = WorkerTools(queue, store, engine, publisher)
        # One slot more than runs, so that a long poll is always in progress, even at the stop.
        worker = Worker(tools, WorkerOptions(options.runs + 1, options.visibility, folder))
        working = asyncio.create_task(worker.run(stop))
        for _ in range(options.runs):
            await stage.begun.acquire()
        rows, lateness = await block_loop(worker.heartbeat, options)
        kept = count_kept(store, options.runs)
        stop.set()
        seconds = await time_to_end(working)
        depth = await queue.depth()
    store.close()
    stopped = Stopped(kept, seconds, depth.visible)
    return summarise(options, lateness, stopped), rows


def make_engine(stage: WaitForever, store: SqliteStore, policy: Policy, folder: Path) -> Engine:
    """Return an engine whose only stage is ``stage``."""
    deps = EngineDeps(
        pipelines={FIX_ISSUE: Pipeline([stage], admitted_after=stage.name)},
        store=store,
        artifacts=FolderArtifacts(folder / "artifacts"),
        policy=policy,
        workspaces=folder / "runs",
        observer=lambda _: None,
    )
    return Engine(deps)


async def time_to_end(task: asyncio.Task[None]) -> float:
    """Wait for a task; return how many seconds that took."""
    began = time.monotonic()
    await task
    return time.monotonic() - began


async def submit_jobs(queue: SqsQueue, count: int) -> None:
    for number in range(1, count + 1):
        issue_url = f"https://github.com/octo/repo/issues/{number}"
        await queue.submit(FixIssueJob(issue_url=issue_url))


async def block_loop(
    heartbeat: Heartbeat, options: Options
) -> tuple[list[dict[str, Any]], list[float]]:
    """Block the loop. Return a row for each time, and the lateness of every beat during it."""
    rows = []
    lateness: list[float] = []
    heartbeat.drain_lateness()
    for number in range(1, options.times + 1):
        time.sleep(options.block)  # noqa: ASYNC251 (what is measured)
        late = heartbeat.drain_lateness()
        latest = max(late, default=0.0)
        row = {"block": number, "seconds": options.block, "beats": len(late), "latest": latest}
        rows.append(row)
        lateness += late
        await asyncio.sleep(options.interval)
        heartbeat.drain_lateness()
    return rows, lateness


def count_kept(store: SqliteStore, runs: int) -> int:
    kept = 0
    for run in store.runs(limit=runs):
        if run.state == "running" and run.deliveries == 1:
            kept += 1
    return kept


def summarise(options: Options, lateness: list[float], stopped: Stopped) -> dict[str, float]:
    p99 = percentile(lateness, 0.99)
    return {
        "interval": options.interval,
        "beats": len(lateness),
        "lateness_p99": p99,
        "lateness_max": max(lateness),
        "share_of_interval": p99 / options.interval,
        "runs": options.runs,
        "runs_kept": stopped.kept,
        "stop_seconds": stopped.seconds,
        "released_and_visible": stopped.visible,
    }


def parse_arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=int, default=8, help="runs in progress")
    parser.add_argument(
        "--block", type=float, default=5.0, help="seconds for which the loop is blocked"
    )
    parser.add_argument("--times", type=int, default=4, help="how often it is blocked")
    parser.add_argument(
        "--visibility", type=int, default=12, help="seconds; a third of it is the interval"
    )
    parser.add_argument("--json", type=Path, help="file for the report")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    options = Options(arguments.runs, arguments.block, arguments.times, arguments.visibility)
    with StrictAws() as server, tempfile.TemporaryDirectory() as folder:
        aws = Aws(server.endpoint)
        os.environ |= aws.environment
        summary, rows = asyncio.run(measure(aws, Path(folder), options))
    write(report("heartbeat", summary, rows), arguments.json)
    columns = ["block", "seconds", "beats", "latest"]
    lines = [[row[column] for column in columns] for row in rows]
    show("heartbeats under a blocked loop", columns, lines, summary)


if __name__ == "__main__":
    main()
