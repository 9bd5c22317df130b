"""The crash benchmark with fake stages: many small jobs, whose effects a world counts.

crash (the main process)                    crash_worker (a process each)
  StrictAws  <------- SQS, SNS ----------     Worker, Engine, five small stages
  World      <------- HTTP --------------     "model", "test", "push", "pull", ...
  Fleet      -------- start, SIGKILL ---->
  Bench: storm, drain;  crash_judge: each job's run, effects and events against its Plan
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.crash_agent import measure_agent
from benchmarks.crash_bench import (
    FAULTS,
    CrashBench,
    Patience,
    Services,
    shared_settings,
    wait_for_workers,
)
from benchmarks.crash_fleet import Fleet
from benchmarks.crash_judge import (
    DEFECTS,
    Defect,
    Events,
    judge_deaths,
    judge_job,
    judge_unreadable,
)
from benchmarks.crash_process import Setting
from benchmarks.crash_world import Plan, World
from pipeline.run_key import RunKey
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.aws import Aws
from tests.stand_ins.strict_aws import StrictAws

VISIBILITY = 2
#: Seconds for which a message can be hidden: SQS's 12 hours, scaled down.
LONGEST = 8.0
#: Maximum number of unfinished jobs.
OPEN_JOBS = 150
#: Mean seconds between two kills, if the jobs keep up.
PAUSE = 0.1
#: Share of jobs that are sent twice, and of messages that are not jobs.
SENT_TWICE = 0.15
UNREADABLE = 0.02
#: A worker's folder is removed once this many more workers have started.
KEPT_FOLDERS = 50


class Bench(CrashBench):
    """The state of one crash benchmark with fake stages."""

    def __init__(self, kills: int, seed: int, jobs: int, world: World, services: Services):
        super().__init__(seed, services)
        self.kills = kills
        self.jobs = jobs
        self.world = world
        self.sent = 0
        self.unreadable: list[str] = []

    def storm(self) -> None:
        """Kill workers and send jobs in parallel, so that neither runs out before the other."""
        next_kill = 0.0
        patience = Patience()
        while self.fleet.kills < self.kills or self.sent < self.jobs:
            finished = self.count_finished()
            self._send_due(finished)
            if patience.ends((finished, self.fleet.kills)):
                return
            now = time.monotonic()
            if self._may_kill(finished) and now >= next_kill:
                self.fleet.replace_one(self.rng)
                next_kill = now + self.rng.expovariate(1 / PAUSE)
            self.report_progress("storm", finished)
            wait_for_workers(0.02)

    def judge(self) -> Iterator[Defect]:
        """Compare every job with its plan, after the drain."""
        events = Events.read(self.aws.sns.published)
        dead_letters = self.dead_letters()
        store = SqliteStore(self.folder / "shared/store.sqlite")
        for number in range(1, self.sent + 1):
            plan = Plan.of(self.seed, number)
            yield from judge_job(plan, store, events, dead_letters, self.world)
        store.close()
        yield from judge_unreadable(self.unreadable, dead_letters)
        for refusal in self.world.refusals:
            yield Defect("wrong_outcomes", "?", refusal)
        for _ in range(self.world.paid_twice):
            yield Defect("paid_twice", "?", "a stored reply was bought again")
        yield from judge_deaths(self.fleet.deaths)

    def count_faults(self) -> int:
        return self.fleet.kills + self.count_aws_faults() + sum(self.world.faults.values())

    def count_expected(self) -> int:
        return self.jobs

    def work(self) -> None:
        """Nothing is due between two jobs."""

    def _may_kill(self, finished: int) -> bool:
        """Return whether the kills are not too far ahead of the jobs: some jobs must end."""
        in_advance = OPEN_JOBS / 3
        allowed = self.kills * (finished + in_advance) / self.jobs
        return self.fleet.kills < min(self.kills, allowed)

    def _send_due(self, finished: int) -> None:
        due = self.jobs
        if self.fleet.kills < self.kills:
            due = self.jobs * self.fleet.kills // self.kills
        target = min(self.jobs, finished + OPEN_JOBS, due + OPEN_JOBS)
        while self.sent < target:
            self._send_next()

    def _send_next(self) -> None:
        self.sent += 1
        body = json.dumps(Plan.of(self.seed, self.sent).message())
        bodies = [body]
        if self.rng.random() < SENT_TWICE:
            bodies.append(body)
        if self.rng.random() < UNREADABLE:
            unreadable = f"not a job {self.sent}"
            bodies.append(unreadable)
            self.unreadable.append(unreadable)
        for text in bodies:
            self.send(text, self.rng.choice([0, 0, 3]))


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
        SqliteStore(shared / "store.sqlite").close()
        fields = shared_settings(aws, queue, folder, visibility=VISIBILITY, longest=LONGEST)

        def setting(number: int, _: Path | None) -> Setting:
            long_dead = folder / f"worker-{number - KEPT_FOLDERS}"
            shutil.rmtree(long_dead, ignore_errors=True)
            return Setting(
                environment=aws.environment,
                world=world.server.endpoint,
                data=folder / f"worker-{number}",
                **fields,
            )

        with Fleet("benchmarks.crash_worker", setting, workers) as fleet:
            services = Services(folder, strict, queue, fleet)
            bench = Bench(kills, seed, jobs, world, services)
            yield bench
            bench.close()


def summarise(bench: Bench, defects: list[Defect]) -> dict[str, float]:
    kinds = Counter(defect.kind for defect in defects)
    summary: dict[str, float] = {
        "calls_cut": _count_cut_calls(bench.folder / "shared/store.sqlite"),
        "jobs": bench.sent,
        "deliveries": bench.aws.sqs.handed_out,
        "faults": bench.count_faults(),
        "kills": bench.fleet.kills,
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
