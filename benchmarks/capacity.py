"""How long jobs wait and what the tasks cost for each load and scaling setting: a simulation of the
queue, the scaling and the runs.

    python -m benchmarks.capacity [--jobs-per-day N ...] [--seed S] [--json OUT]

The scaling is that of terraform/modules/service/scaling.tf: target tracking on (visible + in
flight) messages per running task adds tasks, step scaling ends them, and a task that runs a job is
spared. What is assumed of starts, runs, arrivals and Spot stands in benchmarks/simulated_*.py. A
simulated day follows office hours, and a fifth of the jobs arrive in bursts of twenty; small loads
are simulated for more days. Terraform's defaults are the cheapest settings with which 95 of 100
jobs begin within GOAL.

The rows after those are the defaults with other ways to pay for tasks: on demand, on Spot, with
nights, and without any task while there is no work. They say what each costs in waiting.
"""

import argparse
import itertools
import math
import random
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import simpy

from benchmarks.report import report, show, write
from benchmarks.simulated_service import Lengths, Scaling, Service, Statistics
from benchmarks.simulated_surroundings import (
    DAY,
    Autoscaler,
    arrivals,
    droughts,
    interruptions,
    nights,
)
from pipeline.metrics import percentile
from tools.deployment import Deployment
from tools.prices import read_prices
from tools.task_price import task_hour

#: Seconds within which 95 of 100 jobs should begin. A burst that finds only one task waits for late
#: metrics, the alarm's minutes and a task's start: more than five minutes with any settings.
GOAL = 360
#: Minimum number of simulated jobs for a small load.
ENOUGH = 4_000
#: Simulated days of a way to pay: enough for what happens once a month.
DAYS_OF_WAYS = 200
#: Jobs per day, and the settings that are tried for each load.
LOADS = (100, 1_000, 10_000, 100_000)
JOBS_PER_TASK = (1.5, 2, 3, 4)
SCALE_IN_MINUTES = (5, 10, 20)
#: Loads above this have so many tasks that the ways differ in the price alone.
MAX_LOAD_OF_WAYS = 1_000
USUAL = "settings"
WAYS = {
    "on demand": Scaling(spot_percent=0),
    "one on demand": Scaling(on_demand_tasks=1),
    "Spot": Scaling(),
    "Spot, two tasks": Scaling(min_tasks=2),
    "Spot, night": Scaling(night="20:00-07:00"),
    "Spot, no task": Scaling(min_tasks=0),
}


def simulate(
    jobs_per_day: float, scaling: Scaling, *, seed: int, enough: int = ENOUGH
) -> dict[str, Any]:
    """Simulate days until about ``enough`` jobs have arrived; return a row of the report."""
    days = max(1, math.ceil(enough / jobs_per_day))
    run_seconds = 60 * read_prices().assume("run_minutes")
    rng = random.Random(seed)
    env = simpy.Environment()
    service = Service(env, scaling, Lengths(run_seconds, rng), rng)
    service.set_desired(max(scaling.min_tasks, 1))
    env.process(arrivals(service, jobs_per_day, rng))
    env.process(Autoscaler(service).run())
    env.process(service.bill())
    if scaling.spot_percent:
        env.process(interruptions(service, rng))
        env.process(droughts(service, rng))
    if scaling.night is not None:
        env.process(nights(service, scaling.night))
    env.run(days * DAY)
    measured = service.statistics
    jobs = len(measured.waits)
    hours = (measured.on_demand_seconds + measured.spot_seconds) / 3600
    hours_used = jobs * run_seconds / 3600 / scaling.concurrency
    usd = tasks_usd(measured, scaling)
    return {
        "jobs_per_day": jobs_per_day,
        "jobs_per_task": scaling.jobs_per_task,
        "scale_in_minutes": scaling.scale_in_minutes,
        "jobs": jobs,
        "wait_p50": statistics.median(measured.waits),
        "wait_p95": percentile(measured.waits, 0.95),
        "wait_max": max(measured.waits),
        "asleep_share": len(measured.asleep_waits) / jobs,
        "asleep_p50": statistics.median(measured.asleep_waits or [0.0]),
        "asleep_p95": percentile(measured.asleep_waits or [0.0], 0.95),
        "interrupted": measured.interruptions / jobs,
        "no_task_hours_a_month": measured.seconds_without_task / 3600 / days * 30,
        "average_tasks": hours / 24 / days,
        "most_tasks": measured.most_tasks,
        "paid_share": hours / hours_used,
        "usd_per_job": usd / jobs,
        "usd_a_month": usd / days * 30,
    }


def tasks_usd(measured: Statistics, scaling: Scaling) -> float:
    """Return what the tasks cost, in US dollars."""
    prices = read_prices()
    deployment = Deployment(concurrency=scaling.concurrency)
    on_demand_hours = measured.on_demand_seconds / 3600
    spot_hours = measured.spot_seconds / 3600
    on_demand_usd = on_demand_hours * task_hour(deployment, prices)
    return on_demand_usd + spot_hours * task_hour(deployment, prices, on_spot=True)


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
            scaling = replace(Scaling(), jobs_per_task=target, scale_in_minutes=minutes)
            row = simulate(load, scaling, seed=arguments.seed)
            rows.append({"way": USUAL, **row})
    summary = summarise(rows)
    for load in arguments.jobs_per_day:
        if load > MAX_LOAD_OF_WAYS:
            continue
        for way, scaling in WAYS.items():
            enough = round(load * DAYS_OF_WAYS)
            row = simulate(load, scaling, seed=arguments.seed, enough=enough)
            rows.append({"way": way, **row})
    write(report("capacity", summary, rows), arguments.json)
    columns = list(rows[0])
    lines = [[row[column] for column in columns] for row in rows]
    show("capacity", columns, lines, summary)


if __name__ == "__main__":
    main()
