"""How long jobs wait and what the tasks cost, by load and scaling settings: a simulation of queue,
scaling and runs.

    python -m benchmarks.capacity [--jobs-per-day N ...] [--seed S] [--json OUT]

The scaling is terraform/modules/service/scaling.tf's: target tracking on (visible + in flight) for
each running task adds tasks, steps end them, and one that runs a job is spared. Assumed, and named
below: how late metrics are, how long a task takes to start, how runs' lengths and arrivals spread.
A simulated day follows office hours, and a fifth of the jobs come twenty at a time; of small loads
more days are simulated. Terraform's defaults are the cheapest settings at which 95 of 100 jobs
begin within GOAL."""

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
from tools.bill import Deployment, read_prices, task_hour

#: Seconds. SQS' and Container Insights' metrics are a minute's, and a minute late.
METRICS_LATE = 60
#: Minutes for which target tracking's alarm must be over the target
#: (https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html).
OVER_MINUTES = 3
OUT_COOLDOWN = 60
IN_COOLDOWN = 300
#: Seconds from the wish for a task to its first receive: placing it, fetching some 500 MB of image,
#: importing LiteLLM.
START = 100
#: Tasks that ECS starts for a service in a second, about
#: (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html).
STARTS_PER_SECOND = 8
#: Sigma of the runs' lognormal lengths, and the most of minutes that one takes
#: (CODING_AGENT_MAX_MINUTES).
SPREAD = 0.7
MOST_MINUTES = 30
BURST = 20
BURST_SHARE = 0.2
DAY = 86_400
#: Within which 95 of 100 jobs shall begin, seconds. A burst that meets one task waits for late
#: metrics, the alarm's minutes and a task's start: more than five minutes, whatever the settings.
GOAL = 360
#: Jobs that are simulated of a small load.
ENOUGH = 4_000
LOADS = (100, 1_000, 10_000, 100_000)


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
    env: simpy.Environment
    scaling: Scaling
    run_seconds: "Lengths"
    rng: random.Random
    tasks: list[Task] = field(default_factory=list)
    waiting: deque[float] = field(default_factory=deque)
    """When each was sent."""
    free: list[Task] = field(default_factory=list)
    """Once for each free slot. SQS hands a message to any that polls."""
    wanted: int = 0
    starting: int = 0
    in_work: int = 0
    waits: list[float] = field(default_factory=list)
    task_seconds: float = 0.0
    most_tasks: int = 0

    def send(self) -> None:
        self.waiting.append(self.env.now)
        self._dispatch()

    def want(self, tasks: int) -> None:
        self.wanted = max(self.scaling.min_tasks, min(tasks, self.scaling.max_tasks))
        missing = self.wanted - len(self.tasks) - self.starting
        for number in range(missing):
            self.starting += 1
            self.env.process(self._start(START + number / STARTS_PER_SECOND))
        self._end_idle()

    def _start(self, seconds: float) -> Generator[simpy.Event, None, None]:
        yield self.env.timeout(seconds)
        self.starting -= 1
        if len(self.tasks) < self.wanted:
            self.tasks.append(task := Task(idle_since=self.env.now))
            self.free += [task] * self.scaling.concurrency
            self.most_tasks = max(self.most_tasks, len(self.tasks))
            self._dispatch()

    def _dispatch(self) -> None:
        while self.waiting and self.free:
            at = self.rng.randrange(len(self.free))
            self.free[at], self.free[-1] = self.free[-1], self.free[at]
            if (task := self.free.pop()).ended:
                continue
            task.running += 1
            self.in_work += 1
            self.waits.append(self.env.now - self.waiting.popleft())
            self.env.process(self._run(task))

    def _run(self, task: Task) -> Generator[simpy.Event, None, None]:
        yield self.env.timeout(self.run_seconds())
        task.running -= 1
        self.in_work -= 1
        task.idle_since = self.env.now
        self.free.append(task)
        self._dispatch()

    def _end_idle(self) -> None:
        for task in [
            task
            for task in self.tasks
            if not task.running and self.env.now - task.idle_since >= LINGER
        ]:
            if len(self.tasks) <= self.wanted:
                return
            self.tasks.remove(task)
            task.ended = True

    def bill(self) -> Generator[simpy.Event, None, None]:
        while True:
            yield self.env.timeout(10)
            self.task_seconds += 10 * (len(self.tasks) + self.starting)
            self._end_idle()

    def scale(self) -> Generator[simpy.Event, None, None]:
        """Once a minute, on the metrics of a minute before."""
        told: deque[tuple[int, int]] = deque([(0, 1)], maxlen=METRICS_LATE // 60 + 1)
        over = under = 0
        out_at = in_at = -math.inf
        target = self.scaling.jobs_per_task
        while True:
            yield self.env.timeout(60)
            told.append((len(self.waiting) + self.in_work, len(self.tasks)))
            jobs, running = told[0]
            each = jobs / max(running, 1)
            over = over + 1 if each > target else 0
            under = under + 1 if each < target / 2 else 0
            if over >= OVER_MINUTES and self.env.now - out_at >= OUT_COOLDOWN:
                if (more := math.ceil(running * each / target)) > self.wanted:
                    out_at = self.env.now
                    self.want(more)
            elif under >= self.scaling.scale_in_minutes and self.env.now - in_at >= IN_COOLDOWN:
                in_at = self.env.now
                share = 0.5 if each <= target / 4 else 0.1
                self.want(self.wanted - max(1, int(self.wanted * share)))


class Lengths:
    """Seconds of a run: lognormal about the mean, cut at the longest."""

    def __init__(self, mean: float, rng: random.Random):
        self._mu = math.log(mean) - SPREAD**2 / 2
        self._rng = rng

    def __call__(self) -> float:
        return min(self._rng.lognormvariate(self._mu, SPREAD), MOST_MINUTES * 60)


def arrivals(
    service: Service, jobs_per_day: float, rng: random.Random
) -> Generator[simpy.Event, None, None]:
    """A Poisson process, thinned to office hours: at noon nineteen times what it is at midnight."""
    events = jobs_per_day * (1 - BURST_SHARE + BURST_SHARE / BURST)
    burst = BURST_SHARE / BURST / (1 - BURST_SHARE + BURST_SHARE / BURST)
    peak = events / DAY * 1.9
    while True:
        yield service.env.timeout(rng.expovariate(peak))
        if rng.random() < (1 - 0.9 * math.cos(2 * math.pi * service.env.now / DAY)) / 1.9:
            for _ in range(BURST if rng.random() < burst else 1):
                service.send()


def simulate(
    jobs_per_day: float, scaling: Scaling, *, seed: int, enough: int = ENOUGH
) -> dict[str, Any]:
    prices = read_prices()
    rng = random.Random(seed)
    days = max(1, math.ceil(enough / jobs_per_day))
    mean = 60 * prices.assumed.run_minutes
    env = simpy.Environment()
    service = Service(env, scaling, Lengths(mean, rng), rng)
    service.want(max(scaling.min_tasks, 1))
    for process in (arrivals(service, jobs_per_day, rng), service.scale(), service.bill()):
        env.process(process)
    env.run(days * DAY)
    deployment = Deployment(concurrency=scaling.concurrency)
    waits = sorted(service.waits)
    hours = service.task_seconds / 3600
    used = len(waits) * mean / 3600 / scaling.concurrency
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
        "paid_share": hours / used,
        "usd_per_job": hours * task_hour(deployment, prices) / len(waits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--jobs-per-day", type=float, nargs="+", default=LOADS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = [
        simulate(load, Scaling(target, minutes), seed=arguments.seed)
        for load in arguments.jobs_per_day
        for target, minutes in itertools.product((1.5, 2, 3, 4), (5, 10, 20))
    ]
    summary = judged(rows)
    told = report("capacity", summary, rows)
    write(told, arguments.json)
    columns = list(rows[0])
    show("capacity", columns, [[row[name] for name in columns] for row in rows], summary)


def judged(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What the defaults do at each load, and the cheapest settings that reach the goal at all of
    them.
    """
    default = Scaling()
    summary: dict[str, float] = {}
    by_setting: dict[tuple[float, int], list[dict[str, Any]]] = {}
    for row in rows:
        by_setting.setdefault((row["jobs_per_task"], row["scale_in_minutes"]), []).append(row)
    for row in by_setting.get((default.jobs_per_task, default.scale_in_minutes), []):
        load = f"{row['jobs_per_day']:g}"
        summary |= {
            f"wait_p95_at_{load}": row["wait_p95"],
            f"usd_per_job_at_{load}": row["usd_per_job"],
        }
    good = {
        setting: sum(row["usd_per_job"] for row in some)
        for setting, some in by_setting.items()
        if all(row["wait_p95"] <= GOAL for row in some)
    }
    if good:
        summary["best_jobs_per_task"], summary["best_scale_in_minutes"] = min(
            good, key=lambda setting: good[setting]
        )
    return summary


if __name__ == "__main__":
    main()
