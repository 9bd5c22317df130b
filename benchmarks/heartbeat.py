"""Heartbeats while the event loop is blocked, and a stop with runs in work: a whole worker on a
stand-in's SQS.

    python -m benchmarks.heartbeat [--runs 8] [--block SECONDS] [--times 4] [--visibility 12] [--json OUT]

Each run waits for ever. The loop is blocked by a sleep of SECONDS, ``--times`` over; each heartbeat
renews a lease in SQLite and extends a message in SQS. Goals: lateness p99 under a tenth of the
heartbeat's interval; no lease lost, no message delivered again; after the stop everything is
released within 25 s, and visible."""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import report, show, write
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps
from pipeline.engine.engine import Engine
from pipeline.job import FixIssueJob
from pipeline.metrics import percentile
from pipeline.policy import Policy
from pipeline.queue import SqsQueue
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.sqlite import SqliteStore
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker
from tests.stand_ins.aws import Aws
from tests.stand_ins.strict_aws import StrictAws


class Waits:
    name = "waits"

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)

    async def run(self, run: RunContext) -> Stop:
        self.begun.release()
        await asyncio.Event().wait()
        raise AssertionError("nothing sets that event")


async def measure(
    aws: Aws, folder: Path, *, runs: int, block: float, times: int, visibility: int
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    made = aws.make_queue()
    topic = aws.make_topic()
    stage = Waits()
    store = SqliteStore(folder / "store.sqlite")
    policy = Policy(EffectiveLimits(1.0, 600.0, 3), 100.0, 100.0, topic.arn)
    engine = Engine(
        EngineDeps(
            Pipeline([stage], admitted_after=stage.name),
            store,
            FolderArtifacts(folder / "artifacts"),
            policy,
            folder / "runs",
            lambda _: None,
        )
    )
    interval = visibility / 3
    stop = asyncio.Event()
    rows = []
    every = []
    queue = SqsQueue(made.url, visibility_timeout=visibility)
    async with queue, Publisher(store, policy.topic_of) as publisher:
        for number in range(1, runs + 1):
            await queue.submit(
                FixIssueJob(issue_url=f"https://github.com/octo/repo/issues/{number}")
            )
        # One slot more than runs: a long poll is under way all the time, and at the stop.
        worker = Worker(
            WorkerTools(queue, store, engine, publisher), WorkerOptions(runs + 1, visibility)
        )
        heartbeat = worker.heartbeat
        working = asyncio.create_task(worker.run(stop))
        for _ in range(runs):
            await stage.begun.acquire()
        heartbeat.drain_lateness()
        for number in range(1, times + 1):
            time.sleep(block)  # noqa: ASYNC251 (what is measured)
            late = heartbeat.drain_lateness()
            rows.append(
                {
                    "block": number,
                    "seconds": block,
                    "beats": len(late),
                    "latest": max(late, default=0.0),
                }
            )
            every += late
            await asyncio.sleep(interval)
            heartbeat.drain_lateness()
        kept = [
            run for run in store.runs(limit=runs) if run.state == "running" and run.deliveries == 1
        ]
        stop.set()
        began = time.monotonic()
        await working
        seconds = time.monotonic() - began
        visible = (await queue.depth()).visible
    store.close()
    p99 = percentile(every, 0.99)
    return {
        "interval": interval,
        "beats": len(every),
        "lateness_p99": p99,
        "lateness_max": max(every),
        "share_of_interval": p99 / interval,
        "runs": runs,
        "runs_kept": len(kept),
        "stop_seconds": seconds,
        "released_and_visible": visible,
    }, rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=8, help="runs in work")
    parser.add_argument(
        "--block", type=float, default=5.0, help="seconds for which the loop is blocked"
    )
    parser.add_argument("--times", type=int, default=4, help="how often")
    parser.add_argument(
        "--visibility", type=int, default=12, help="seconds; a third of it is the interval"
    )
    parser.add_argument("--json", type=Path, help="write the report there")
    given = parser.parse_args()
    with StrictAws() as server, tempfile.TemporaryDirectory() as folder:
        aws = Aws(server.endpoint)
        os.environ |= aws.environment
        summary, rows = asyncio.run(
            measure(
                aws,
                Path(folder),
                runs=given.runs,
                block=given.block,
                times=given.times,
                visibility=given.visibility,
            )
        )
    write(report("heartbeat", summary, rows), given.json)
    lines = [[row[name] for name in ("block", "seconds", "beats", "latest")] for row in rows]
    show("heartbeats under a blocked loop", ["block", "seconds", "beats", "latest"], lines, summary)


if __name__ == "__main__":
    main()
