"""Kills workers at random moments on an unreliable AWS: is anything lost, done twice or paid twice?

    python -m benchmarks.crash --kills N --seed S [--jobs J] [--workers W] [--json OUT]

Real workers run small jobs against a strict stand-in for SQS and SNS that throttles, fails, loses
replies, delivers twice and forgets deletes, and against a world that counts effects. Leases last
2 s, and SQS's 12 hours are scaled down to 8 s. At the end the faults stop, the remaining jobs are
finished, and every job is checked against its plan.

Before that, an agent's run is killed in its steps; see ``crash_agent``.

    crash (this process)                        crash_worker (a process each)
      StrictAws  <------- SQS, SNS ----------     Worker, Engine, five small stages
      World      <------- HTTP --------------     "model", "test", "push", "pull", ...
      Fleet      -------- start, SIGKILL ---->
      Bench: storm, drain;  crash_judge: each job's run, effects and events against its Plan
"""

import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.crash_agent import measure_agent
from benchmarks.crash_fleet import Fleet
from benchmarks.crash_judge import DEFECTS, DeadLetters, Defect, Events, judge_job
from benchmarks.crash_worker import Setting
from benchmarks.crash_world import Plan, World
from pipeline.run_key import RunKey
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.strict_aws import FaultPlan, StrictAws

FAULTS = FaultPlan(
    throttled=0.01,
    unavailable=0.01,
    dropped=0.01,
    reply_lost=0.01,
    entry_failed=0.02,
    doubled=0.05,
    undeleted=0.05,
    disordered=0.2,
)
VISIBILITY = 2
#: Seconds for which a message can be hidden: SQS's 12 hours, scaled down.
LONGEST = 8.0
#: Maximum number of unfinished jobs.
OPEN_JOBS = 150
#: Mean seconds between two kills, if the jobs keep up.
PAUSE = 0.15
#: Share of jobs that are sent twice, and of messages that are not jobs.
SENT_TWICE = 0.15
UNREADABLE = 0.02
#: Seconds without progress after which the benchmark gives up.
PATIENCE = 240.0
#: Seconds between two progress lines on stderr.
PROGRESS_SECONDS = 5.0
#: A worker's folder is removed once this many more workers have started.
KEPT_FOLDERS = 50


@dataclass
class Bench:
    """The state of one crash benchmark."""

    kills: int
    seed: int
    jobs: int
    folder: Path
    aws: StrictAws
    world: World
    queue: Queue
    fleet: Fleet
    sent: int = 0
    killed: int = 0
    unreadable: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        address = f"file:{self.folder}/shared/store.sqlite?mode=ro"
        self._store = sqlite3.connect(address, uri=True, timeout=30)
        self._started = time.monotonic()
        self._reported_at = 0.0

    def close(self) -> None:
        self._store.close()

    def storm(self) -> None:
        """Kill workers and send jobs in parallel, so that neither runs out before the other."""
        next_kill = 0.0
        progressed_at = time.monotonic()
        progress = (0, 0)
        while self.killed < self.kills or self.sent < self.jobs:
            finished = self._count_finished()
            self._send_due(finished)
            now = time.monotonic()
            if progress != (finished, self.killed):
                progress = (finished, self.killed)
                progressed_at = now
            if now - progressed_at > PATIENCE:
                return
            if self._may_kill(finished) and now >= next_kill:
                self.fleet.replace_one(self._rng)
                self.killed += 1
                next_kill = now + self._rng.expovariate(1 / PAUSE)
            self._report_progress("storm", finished)
            time.sleep(0.02)

    def drain(self) -> None:
        """Stop the faults, and wait until all jobs, events and messages are processed."""
        self.aws.look(lambda: setattr(self.aws.faults, "plan", FaultPlan()))
        progressed_at = time.monotonic()
        last = None
        while time.monotonic() - progressed_at < PATIENCE:
            left = self._count_left()
            if left == (0, 0, 0):
                return
            if left != last:
                progressed_at = time.monotonic()
                last = left
            self._report_progress("drain", self.jobs - left[0])
            time.sleep(0.1)

    def judge(self) -> Iterator[Defect]:
        """Compare every job with its plan, after the drain."""
        events = Events.read(self.aws.sns.published)
        name = self.queue.dead_letters_url.rsplit("/", 1)[-1]
        dead_letters = DeadLetters(list(self.aws.sqs.queues[name].messages.values()))
        store = SqliteStore(self.folder / "shared/store.sqlite")
        for number in range(1, self.sent + 1):
            plan = Plan.of(self.seed, number)
            yield from judge_job(plan, store, events, dead_letters, self.world)
        store.close()
        for body in self.unreadable:
            if not dead_letters.has(body, None):
                yield Defect("lost", body, "unreadable, and not among the dead letters")
        for refusal in self.world.refusals:
            yield Defect("wrong_outcomes", "?", refusal)
        for _ in range(self.world.paid_twice):
            yield Defect("paid_twice", "?", "a stored reply was bought again")
        for status in self.fleet.deaths:
            yield Defect("wrong_outcomes", "?", f"a worker ended by itself with {status}")

    def _may_kill(self, finished: int) -> bool:
        """Return whether the kills are not too far ahead of the jobs: some jobs must end."""
        in_advance = OPEN_JOBS / 3
        allowed = self.kills * (finished + in_advance) / self.jobs
        return self.killed < min(self.kills, allowed)

    def _send_due(self, finished: int) -> None:
        due = self.jobs
        if self.killed < self.kills:
            due = self.jobs * self.killed // self.kills
        target = min(self.jobs, finished + OPEN_JOBS, due + OPEN_JOBS)
        while self.sent < target:
            self._send_next()

    def _send_next(self) -> None:
        self.sent += 1
        body = json.dumps(Plan.of(self.seed, self.sent).message())
        bodies = [body]
        if self._rng.random() < SENT_TWICE:
            bodies.append(body)
        if self._rng.random() < UNREADABLE:
            unreadable = f"not a job {self.sent}"
            bodies.append(unreadable)
            self.unreadable.append(unreadable)
        for body in bodies:
            self._send(body, self._rng.choice([0, 0, 3]))

    def _send(self, body: str, delay: int) -> None:
        def send() -> None:
            queue = self.aws.sqs.of({"QueueUrl": self.queue.url})
            self.aws.sqs.send(queue, {"MessageBody": body, "DelaySeconds": delay})

        self.aws.look(send)

    def _count_finished(self) -> int:
        return self._count("SELECT count(*) FROM runs WHERE state = 'finished'")

    def _count_left(self) -> tuple[int, int, int]:
        """Return the numbers of remaining jobs, events and messages."""
        events = self._count("SELECT count(*) FROM events WHERE published_at IS NULL")
        messages = self.aws.look(
            lambda: len(self.aws.sqs.of({"QueueUrl": self.queue.url}).messages)
        )
        return self.jobs - self._count_finished(), events, messages

    def _count(self, sql: str) -> int:
        return int(self._store.execute(sql).fetchone()[0])

    def _report_progress(self, phase: str, finished: int) -> None:
        now = time.monotonic() - self._started
        if now - self._reported_at < PROGRESS_SECONDS:
            return
        self._reported_at = now
        kills = f"{self.killed}/{self.kills} kills"
        jobs = f"{finished}/{self.jobs} jobs"
        faults = f"{count_faults(self.aws, self.world)} faults injected"
        line = f"{now:5.0f} s  {phase}: {kills}, {jobs}, {faults}"
        print(line, file=sys.stderr, flush=True)


def count_faults(aws: StrictAws, world: World) -> int:
    """Count the faults other than kills. Disorder is not a fault."""
    of_aws = sum(count for name, count in aws.faults.counts.items() if name != "disordered")
    return of_aws + sum(world.faults.values())


@contextmanager
def opened(kills: int, seed: int, jobs: int, workers: int, folder: Path) -> Iterator[Bench]:
    """Run the stand-ins and the workers while entered."""
    shared = folder / "shared"
    shared.mkdir()
    with (
        StrictAws(FAULTS, seed=seed, max_visibility=LONGEST) as strict,
        World(seed, shared / "artifacts") as world,
    ):
        aws = Aws(strict.endpoint)
        queue = aws.make_queue(max_receive_count=1000)
        topic_arn = aws.sns.create_topic(Name="events")["TopicArn"]
        SqliteStore(shared / "store.sqlite").close()

        def setting(number: int) -> Setting:
            long_dead = folder / f"worker-{number - KEPT_FOLDERS}"
            shutil.rmtree(long_dead, ignore_errors=True)
            return Setting(
                environment=aws.environment,
                queue_url=queue.url,
                topic_arn=topic_arn,
                world=world.server.endpoint,
                shared=shared,
                data=folder / f"worker-{number}",
                concurrency=4,
                visibility=VISIBILITY,
                longest=LONGEST - 1,
                poll=2,
            )

        with Fleet(setting, workers) as fleet:
            bench = Bench(kills, seed, jobs, folder, strict, world, queue, fleet)
            yield bench
            bench.close()


def summarise(bench: Bench, defects: list[Defect]) -> dict[str, float]:
    kinds = Counter(defect.kind for defect in defects)
    summary: dict[str, float] = {
        "calls_cut": _count_cut_calls(bench.folder / "shared/store.sqlite"),
        "jobs": bench.sent,
        "deliveries": bench.aws.sqs.handed_out,
        "faults": bench.killed + count_faults(bench.aws, bench.world),
        "kills": bench.killed,
    }
    for kind in DEFECTS:
        summary[kind] = kinds[kind]
    return summary


def _count_cut_calls(file: Path) -> int:
    """Count the calls whose reply was never stored."""
    store = SqliteStore(file)
    count = 0
    for run in store.runs(limit=10**9):
        for call in store.calls(RunKey(run.job_id, 0)):
            if call.state == "cut":
                count += 1
    store.close()
    return count


def measure(kills: int, seed: int, jobs: int, workers: int, folder: Path) -> dict[str, Any]:
    """Return the report: a row for each defect, and one with the injected faults."""
    # First, since it forks this process, which has no threads yet.
    agent = measure_agent(kills, folder)
    with opened(kills, seed, jobs, workers, folder) as bench:
        bench.storm()
        bench.drain()
    defects = [*agent.defects, *bench.judge()]
    rows = [vars(defect) for defect in defects]
    rows.append({"kind": "faults", **bench.aws.faults.counts, **bench.world.faults})
    summary = {"agent_kills": agent.kills, **summarise(bench, defects)}
    return report.report("crash", summary, rows)


def main(arguments: list[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--jobs", type=int, help="default: as many as kills")
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--keep", type=Path, help="a new folder in which to keep the store and the workers' logs"
    )
    options = parser.parse_args(arguments)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    jobs = options.jobs or options.kills
    try:
        result = measure(options.kills, options.seed, jobs, options.workers, folder)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    columns = ["kind", "job", "what"]
    defects = [row for row in result["rows"] if "what" in row]
    lines = [[row[column] for column in columns] for row in defects]
    report.show(f"crash, seed {options.seed}", columns, lines, result["summary"])
    report.write(result, options.json)
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
