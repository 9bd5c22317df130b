"""How long jobs wait and what the tasks cost for each load and scaling setting: a simulation of the
queue, the scaling and the runs.

    python -m benchmarks.capacity [--jobs-per-day N ...] [--seed S] [--json OUT]

The scaling is that of terraform/modules/service/scaling.tf: target tracking on (visible + in
flight) messages per running task adds tasks, step scaling ends them, and a task that runs a job is
spared. The constants below are assumptions: the delay of metrics, the start time of a task, and the
distributions of run lengths and arrivals. A simulated day follows office hours, and a fifth of the
jobs arrive in bursts of twenty; small loads are simulated for more days. Terraform's defaults are
the cheapest settings with which 95 of 100 jobs begin within GOAL.
"""

import argparse
import itertools
import math
import random
import statistics
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import simpy

from benchmarks.report import report, show, write
from pipeline.worker.task_protection import LINGER
from tools.bill import task_hour
from tools.deployment import Deployment
from tools.prices import read_prices

#: Seconds. The metrics of SQS and Container Insights cover a minute, and arrive a minute late.
METRICS_LATE = 60
#: Minutes for which the metric must exceed the target before target tracking's alarm fires
#: (https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html).
OVER_MINUTES = 3
OUT_COOLDOWN = 60
IN_COOLDOWN = 300
#: Seconds from the request for a task to its first receive: placing it, pulling about 500 MB of
#: image, importing LiteLLM.
START = 100
#: Tasks that ECS starts for a service per second, approximately
#: (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html).
STARTS_PER_SECOND = 8
#: Sigma of the runs' lognormal lengths, and the longest run in minutes (CODING_AGENT_MAX_MINUTES).
SPREAD = 0.7
MAX_MINUTES = 60
#: Jobs in a burst, and the share of jobs that arrive in bursts.
BURST = 20
BURST_SHARE = 0.2
#: Amplitude of the arrival rate's daily cycle: at noon it is (1 + SWING) times its mean.
SWING = 0.9
DAY = 86_400
#: Seconds between two samples of the cost.
BILL_SECONDS = 10
#: Seconds within which 95 of 100 jobs should begin. A burst that finds only one task waits for late
#: metrics, the alarm's minutes and a task's start: more than five minutes with any settings.
GOAL = 360
#: Minimum number of simulated jobs for a small load.
ENOUGH = 4_000
#: Jobs per day, and the settings that are tried for each load.
LOADS = (100, 1_000, 10_000, 100_000)
JOBS_PER_TASK = (1.5, 2, 3, 4)
SCALE_IN_MINUTES = (5, 10, 20)

Process = Generator[simpy.Event, None, None]


@dataclass(frozen=True)
class Scaling:
    """Terraform's variables of the same names."""

    jobs_per_task: float = 2
    scale_in_minutes: int = 5
    concurrency: int = 2
    min_tasks: int = 1
    max_tasks: int = 1_000


@dataclass(eq=False)
class Task:
    running: int = 0
    idle_since: float = 0.0
    ended: bool = False


@dataclass
class Service:
    """The queue, its tasks and their statistics. Times are in simulated seconds."""

    env: simpy.Environment
    scaling: Scaling
    run_seconds: "Lengths"
    rng: random.Random
    tasks: list[Task] = field(default_factory=list)
    waiting: deque[float] = field(default_factory=deque)
    """When each waiting job was sent."""
    free: list[Task] = field(default_factory=list)
    """Contains each task once per free slot. SQS hands a message to any task that polls."""
    desired: int = 0
    starting: int = 0
    running: int = 0
    """Jobs in progress."""
    waits: list[float] = field(default_factory=list)
    task_seconds: float = 0.0
    most_tasks: int = 0

    def send(self) -> None:
        self.waiting.append(self.env.now)
        self._dispatch()

    def set_desired(self, tasks: int) -> None:
        self.desired = max(self.scaling.min_tasks, min(tasks, self.scaling.max_tasks))
        missing = self.desired - len(self.tasks) - self.starting
        for number in range(missing):
            self.starting += 1
            self.env.process(self._start(START + number / STARTS_PER_SECOND))
        self._end_idle()

    def bill(self) -> Process:
        while True:
            yield self.env.timeout(BILL_SECONDS)
            self.task_seconds += BILL_SECONDS * (len(self.tasks) + self.starting)
            self._end_idle()

    def _start(self, seconds: float) -> Process:
        yield self.env.timeout(seconds)
        self.starting -= 1
        if len(self.tasks) >= self.desired:
            return
        task = Task(idle_since=self.env.now)
        self.tasks.append(task)
        self.free += [task] * self.scaling.concurrency
        self.most_tasks = max(self.most_tasks, len(self.tasks))
        self._dispatch()

    def _dispatch(self) -> None:
        """Give waiting jobs to random free slots, as SQS does."""
        while self.waiting and self.free:
            task = self._take_free()
            if task.ended:
                continue
            task.running += 1
            self.running += 1
            sent_at = self.waiting.popleft()
            self.waits.append(self.env.now - sent_at)
            self.env.process(self._run(task))

    def _take_free(self) -> Task:
        index = self.rng.randrange(len(self.free))
        task = self.free[index]
        self.free[index] = self.free[-1]
        self.free.pop()
        return task

    def _run(self, task: Task) -> Process:
        yield self.env.timeout(self.run_seconds())
        task.running -= 1
        self.running -= 1
        task.idle_since = self.env.now
        self.free.append(task)
        self._dispatch()

    def _end_idle(self) -> None:
        for task in list(self.tasks):
            if len(self.tasks) <= self.desired:
                return
            is_protected = task.running or self.env.now - task.idle_since < LINGER
            if not is_protected:
                self.tasks.remove(task)
                task.ended = True


class Autoscaler:
    """Target tracking that adds tasks and step scaling that ends them, once a minute."""

    def __init__(self, service: Service):
        self._service = service
        self._target = service.scaling.jobs_per_task
        self._minutes_over = 0
        self._minutes_under = 0
        self._out_at = -math.inf
        self._in_at = -math.inf

    def run(self) -> Process:
        """Scale every minute by the previous minute's metrics."""
        service = self._service
        metrics: deque[tuple[int, int]] = deque([(0, 1)], maxlen=METRICS_LATE // 60 + 1)
        while True:
            yield service.env.timeout(60)
            metrics.append((len(service.waiting) + service.running, len(service.tasks)))
            jobs, tasks = metrics[0]
            self._scale(tasks, jobs / max(tasks, 1))

    def _scale(self, tasks: int, jobs_per_task: float) -> None:
        now = self._service.env.now
        is_over = jobs_per_task > self._target
        is_under = jobs_per_task < self._target / 2
        self._minutes_over = self._minutes_over + 1 if is_over else 0
        self._minutes_under = self._minutes_under + 1 if is_under else 0
        if self._minutes_over >= OVER_MINUTES and now - self._out_at >= OUT_COOLDOWN:
            desired = math.ceil(tasks * jobs_per_task / self._target)
            if desired > self._service.desired:
                self._out_at = now
                self._service.set_desired(desired)
            return
        enough = self._minutes_under >= self._service.scaling.scale_in_minutes
        if enough and now - self._in_at >= IN_COOLDOWN:
            self._in_at = now
            share = 0.5 if jobs_per_task <= self._target / 4 else 0.1
            step = max(1, int(self._service.desired * share))
            self._service.set_desired(self._service.desired - step)


class Lengths:
    """Random lengths of runs in seconds: lognormal, capped at the longest."""

    def __init__(self, mean: float, rng: random.Random):
        self._mu = math.log(mean) - SPREAD**2 / 2
        self._rng = rng

    def __call__(self) -> float:
        return min(self._rng.lognormvariate(self._mu, SPREAD), MAX_MINUTES * 60)


def arrivals(service: Service, jobs_per_day: float, rng: random.Random) -> Process:
    """Send jobs in a Poisson process that follows office hours, some of them in bursts."""
    events_per_job = 1 - BURST_SHARE + BURST_SHARE / BURST
    burst_share = BURST_SHARE / BURST / events_per_job
    peak = jobs_per_day * events_per_job / DAY * (1 + SWING)
    while True:
        yield service.env.timeout(rng.expovariate(peak))
        cosine = math.cos(2 * math.pi * service.env.now / DAY)
        if rng.random() >= (1 - SWING * cosine) / (1 + SWING):
            continue
        jobs = BURST if rng.random() < burst_share else 1
        for _ in range(jobs):
            service.send()


def simulate(
    jobs_per_day: float, scaling: Scaling, *, seed: int, enough: int = ENOUGH
) -> dict[str, Any]:
    """Simulate days until about ``enough`` jobs have arrived; return a row of the report."""
    prices = read_prices()
    rng = random.Random(seed)
    days = max(1, math.ceil(enough / jobs_per_day))
    run_seconds = 60 * prices.assume("run_minutes")
    env = simpy.Environment()
    service = Service(env, scaling, Lengths(run_seconds, rng), rng)
    service.set_desired(max(scaling.min_tasks, 1))
    env.process(arrivals(service, jobs_per_day, rng))
    env.process(Autoscaler(service).run())
    env.process(service.bill())
    env.run(days * DAY)
    waits = sorted(service.waits)
    hours = service.task_seconds / 3600
    hours_used = len(waits) * run_seconds / 3600 / scaling.concurrency
    usd_per_hour = task_hour(Deployment(concurrency=scaling.concurrency), prices)
    return {
        "jobs_per_day": jobs_per_day,
        "jobs_per_task": scaling.jobs_per_task,
        "scale_in_minutes": scaling.scale_in_minutes,
        "jobs": len(waits),
        "wait_p50": statistics.median(waits),
        "wait_p95": waits[int(0.95 * len(waits))],
        "wait_max": waits[-1],
        "average_tasks": hours / 24 / days,
        "most_tasks": service.most_tasks,
        "paid_share": hours / hours_used,
        "usd_per_job": hours * usd_per_hour / len(waits),
    }


def summarise(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the figures of the default settings for each load, and the cheapest settings that
    reach the goal for all loads.
    """
    by_setting: dict[tuple[float, int], list[dict[str, Any]]] = {}
    for row in rows:
        setting = (row["jobs_per_task"], row["scale_in_minutes"])
        by_setting.setdefault(setting, []).append(row)
    default = Scaling()
    summary: dict[str, float] = {}
    for row in by_setting.get((default.jobs_per_task, default.scale_in_minutes), []):
        load = f"{row['jobs_per_day']:g}"
        summary[f"wait_p95_at_{load}"] = row["wait_p95"]
        summary[f"usd_per_job_at_{load}"] = row["usd_per_job"]
    costs = {}
    for setting, of_setting in by_setting.items():
        if all(row["wait_p95"] <= GOAL for row in of_setting):
            costs[setting] = sum(row["usd_per_job"] for row in of_setting)
    if costs:
        jobs_per_task, scale_in_minutes = min(costs, key=lambda setting: costs[setting])
        summary["best_jobs_per_task"] = jobs_per_task
        summary["best_scale_in_minutes"] = scale_in_minutes
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--jobs-per-day", type=float, nargs="+", default=LOADS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for load in arguments.jobs_per_day:
        for target, minutes in itertools.product(JOBS_PER_TASK, SCALE_IN_MINUTES):
            rows.append(simulate(load, Scaling(target, minutes), seed=arguments.seed))
    summary = summarise(rows)
    write(report("capacity", summary, rows), arguments.json)
    columns = list(rows[0])
    lines = [[row[column] for column in columns] for row in rows]
    show("capacity", columns, lines, summary)


if __name__ == "__main__":
    main()
