"""Many jobs through the whole stack of this machine, while workers come and go.

    python -m benchmarks.load --jobs 10000 --workers 3 [--rate R] [--plot FILE.svg] [--json OUT]

Processes of ``coding-agent worker`` take jobs from the strict stand-in for SQS, which are sent at a
constant rate. They work with the stand-ins for GitHub and SNS, a scripted model, and one SQLite
file. One job in fifty goes through all stages to a pull request; the issues of the others are
closed. One worker stays. About every fifteen seconds another one is replaced: it gets SIGTERM, or
it is killed, in turn.

At the end, every job must have one run, one final event, and one pull request if its issue is open.
Times in the queue are from sending a job until a worker has it.
"""

import argparse
import functools
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.crash_bench import Patience, wait_for_workers
from benchmarks.crash_judge import Defect
from benchmarks.load_jobs import LoadJob, add_issues, write_reply
from benchmarks.load_judge import DEFECTS, Verdict, gather, judge
from benchmarks.load_samples import INTERVAL, QueueState, Sample, plot, read_queue
from benchmarks.load_workers import Workers
from pipeline.queue import BATCH
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.strict_aws import StrictAws

#: Mean seconds between two replacements of a worker.
REPLACED_EVERY = 15.0
#: Seconds until the message of a killed worker comes back.
VISIBILITY = 30
STORE = "store.sqlite"
_PROGRESS_SECONDS = 10.0


@dataclass
class Load:
    """A load test under way."""

    jobs: int
    rate: float
    """Jobs sent a second."""
    aws: StrictAws
    queue: Queue
    workers: Workers
    rng: random.Random
    sent_at: list[float] = field(default_factory=list)
    """When each job was sent, by its number."""
    samples: list[Sample] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _sample_due: float = 0.0
    _progress_due: float = 0.0
    _replacement_due: float = field(default_factory=lambda: REPLACED_EVERY)

    def run(self) -> None:
        """Send the jobs, and wait until all are done, or nothing has happened for minutes."""
        patience = Patience()
        while True:
            seconds = time.monotonic() - self._started
            self._send_due(seconds)
            self._replace_due(seconds)
            self.workers.check()
            if seconds >= self._sample_due:
                self._sample_due += INTERVAL
                state = self._sample(seconds)
                is_done = len(self.sent_at) == self.jobs and not state.waiting + state.in_flight
                if is_done or patience.ends((len(self.sent_at), state.deleted)):
                    return
            wait_for_workers(0.02)

    def _send_due(self, seconds: float) -> None:
        due = min(int(seconds * self.rate) + 1, self.jobs)
        while len(self.sent_at) < due:
            numbers = range(len(self.sent_at), min(len(self.sent_at) + BATCH, due))
            bodies = [LoadJob(number).body for number in numbers]
            self.aws.look(functools.partial(self._send, bodies))
            self.sent_at += [time.time()] * len(bodies)

    def _send(self, bodies: list[str]) -> None:
        queue = self.aws.sqs.of({"QueueUrl": self.queue.url})
        for body in bodies:
            self.aws.sqs.send(queue, {"MessageBody": body})

    def _replace_due(self, seconds: float) -> None:
        """Replace a worker, if it is time to. The first worker stays."""
        if seconds < self._replacement_due or len(self.workers) < 2:
            return
        self._replacement_due = seconds + self.rng.expovariate(1 / REPLACED_EVERY)
        victim = self.rng.randrange(1, len(self.workers))
        if self.workers.stops > self.workers.kills:
            self.workers.kill(victim)
        else:
            self.workers.stop(victim)
        self.workers.start()

    def _sample(self, seconds: float) -> QueueState:
        state = read_queue(self.aws, self.queue)
        memory = self.workers.memory_mb()
        self.samples.append(Sample(seconds, len(self.sent_at), state, memory))
        if seconds >= self._progress_due:
            self._progress_due += _PROGRESS_SECONDS
            done = f"{state.deleted}/{self.jobs} jobs done, {state.waiting} waiting"
            print(f"{seconds:5.0f} s  {done}", file=sys.stderr, flush=True)
        return state


@dataclass(frozen=True)
class Result:
    load: Load
    verdict: Verdict
    repeated_events: int


def measure(jobs: int, workers: int, rate: float, seed: int, folder: Path) -> Result:
    """Run the jobs with everything in ``folder``."""
    store_file = folder / STORE
    SqliteStore(store_file).close()
    with StrictAws() as strict, GithubStandIn(folder / "github") as github:
        add_issues(github, jobs)
        aws = Aws(strict.endpoint)
        queue = aws.make_queue()
        access = {"GITHUB_API_URL": github.api_url, "GITHUB_TOKEN": WRITE_TOKEN}
        environment = {**aws.environment, **access, **_settings(jobs, aws, queue, folder)}
        with Workers(folder, environment) as fleet:
            for _ in range(workers):
                fleet.start()
            load = Load(jobs, rate, strict, queue, fleet, random.Random(seed))
            load.run()
            fleet.stop_all()
        store = SqliteStore(store_file)
        evidence = gather(store, github, strict.sns.published)
        verdict = judge(jobs, evidence)
        store.close()
    verdict.defects += [Defect("worker_failed", "?", failure) for failure in fleet.failures]
    return Result(load, verdict, evidence.repeated_events)


def _settings(jobs: int, aws: Aws, queue: Queue, folder: Path) -> dict[str, str]:
    """Return the settings of all workers."""
    return {
        "CODING_AGENT_QUEUE_URL": queue.url,
        "CODING_AGENT_TOPIC_ARN": aws.sns.create_topic(Name="events")["TopicArn"],
        "CODING_AGENT_STORE": f"sqlite:///{folder / STORE}",
        "CODING_AGENT_ARTIFACTS": str(folder / "artifacts"),
        "CODING_AGENT_MODEL": f"scripted:{write_reply(folder)}",
        "CODING_AGENT_STRATEGY": "single",
        "CODING_AGENT_CONCURRENCY": "4",
        "CODING_AGENT_VISIBILITY_TIMEOUT": str(VISIBILITY),
        "CODING_AGENT_MAX_OPEN_PULLS": str(jobs),
        "CODING_AGENT_PORT": "0",
    }


def summarise(result: Result) -> dict[str, float]:
    load = result.load
    verdict = result.verdict
    waits: list[float] = []
    totals: list[float] = []
    for number, finished in verdict.finished.items():
        sent = load.sent_at[number]
        waits.append(verdict.created[number] - sent)
        totals.append(finished - sent)
    early, late = compare_memory(load.samples)
    summary: dict[str, float] = {
        "jobs": load.jobs,
        "seconds": load.samples[-1].seconds,
        "jobs_per_second_sent": load.rate,
        "stopped": load.workers.stops,
        "killed": load.workers.kills,
        "crashes": verdict.crashes,
        "repeated_events": result.repeated_events,
        **quantiles("queue_s", waits),
        **quantiles("done_s", totals),
        "oldest_s_max": max(sample.queue.oldest for sample in load.samples),
        "memory_mb_early": early,
        "memory_mb_late": late,
    }
    kinds = [defect.kind for defect in verdict.defects]
    for kind in DEFECTS:
        summary[kind] = kinds.count(kind)
    return summary


def quantiles(name: str, values: list[float]) -> dict[str, float]:
    """Return the median, the 95th percentile and the maximum, each under a name of its own."""
    ordered = sorted(values) or [0.0]
    return {
        f"{name}_p50": statistics.median(ordered),
        f"{name}_p95": ordered[int(0.95 * (len(ordered) - 1))],
        f"{name}_max": ordered[-1],
    }


def compare_memory(samples: list[Sample]) -> tuple[float, float]:
    """Return the median memory in the second and in the last quarter of the time: in the first
    one, the worker loads its libraries.
    """
    quarter = max(len(samples) // 4, 1)
    second = [sample.memory_mb for sample in samples[quarter : 2 * quarter]]
    last = [sample.memory_mb for sample in samples[-quarter:]]
    return statistics.median(second or last), statistics.median(last)


def main(arguments: list[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rate", type=float, default=20.0, help="jobs sent a second; default: 20")
    parser.add_argument("--seed", type=int, default=1, help="of the replacements of workers")
    parser.add_argument(
        "--plot", type=Path, help="an SVG file of the jobs, the queue and the memory"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a new folder in which to keep store and logs")
    options = parser.parse_args(arguments)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="load-"))
    folder.mkdir(parents=True, exist_ok=True)
    # The workers must end also if this program is asked to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        result = measure(options.jobs, options.workers, options.rate, options.seed, folder)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return _show(options, result)


def _show(options: argparse.Namespace, result: Result) -> int:
    """Print and write the result; return 1 if there is a defect."""
    rows: list[dict[str, Any]] = [vars(defect) for defect in result.verdict.defects]
    document = report.report("load", summarise(result), rows)
    columns = ["kind", "job", "what"]
    lines = [[row[column] for column in columns] for row in rows]
    report.show("load", columns, lines, document["summary"])
    report.write(document, options.json)
    if options.plot is not None:
        title = f"{options.jobs:,} jobs, {options.rate:g} a second, {options.workers} workers"
        options.plot.write_text(plot(result.load.samples, title).svg(), encoding="utf-8")
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(main())
