"""The simulation behind the scaling's defaults."""

import math
import random
import re
from dataclasses import asdict

import pytest
import simpy

from benchmarks.capacity import GOAL, simulate, summarise
from benchmarks.simulated_service import REPEATED, START, Lengths, Scaling, Service
from benchmarks.simulated_surroundings import METRICS_LATE, OVER_MINUTES, nights
from tests.cli.console import ROOT
from tools.deployment import Deployment, average_tasks
from tools.prices import read_prices

VARIABLES = ROOT / "terraform/variables.tf"
HOUR = 3600


class SameLength(Lengths):
    """Runs that all take ten minutes."""

    def __init__(self) -> None:
        super().__init__(600, random.Random(1))

    def __call__(self) -> float:
        return 600


def service(scaling: Scaling) -> Service:
    """Return a service whose first tasks are running."""
    simulated = Service(simpy.Environment(), scaling, SameLength(), random.Random(1))
    simulated.env.process(simulated.bill())
    simulated.set_desired(scaling.min_tasks)
    simulated.env.run(START + 1)
    return simulated


def test_tasks_that_always_run_cost_min_tasks_and_no_job_waits() -> None:
    row = simulate(20, Scaling(min_tasks=20, max_tasks=20, spot_percent=0), seed=3, enough=20)
    assert row["average_tasks"] == pytest.approx(20, rel=0.01)
    assert row["wait_max"] == 0


def test_no_more_than_max_tasks_run() -> None:
    row = simulate(1_000, Scaling(max_tasks=2), seed=3, enough=1)
    assert row["most_tasks"] == 2
    assert row["wait_p50"] > 600


def test_burst_waits_only_for_metrics_alarm_and_start() -> None:
    row = simulate(100, Scaling(spot_percent=0), seed=3, enough=400)
    shortest = OVER_MINUTES * 60 + START
    # The minute in which it came, and the one in which it is seen.
    longest = METRICS_LATE + (OVER_MINUTES + 1) * 60 + START + 10
    assert shortest <= row["wait_max"] <= longest
    assert row["wait_p95"] <= GOAL


def test_a_run_goes_on_in_another_task_when_spot_takes_its_own() -> None:
    simulated = service(Scaling(min_tasks=1, concurrency=1))
    simulated.send()
    simulated.env.run(START + 301)
    simulated.lose(simulated.tasks[0])
    simulated.env.run(START + 301 + START + 300 + REPEATED - 1)
    assert simulated.running == 1, "half of it is left, and what is repeated"
    simulated.env.run(START + 301 + START + 300 + REPEATED + 1)
    assert simulated.running == 0
    assert simulated.statistics.interruptions == 1
    assert simulated.statistics.waits == [0], "it had begun at once"


def test_without_spot_capacity_only_tasks_on_demand_run_and_are_paid_for() -> None:
    simulated = service(Scaling(min_tasks=3, on_demand_tasks=1))
    simulated.lose_spot()
    paid_before = simulated.statistics.spot_seconds
    simulated.env.run(HOUR)
    assert [task.on_spot for task in simulated.tasks] == [False]
    assert simulated.statistics.spot_seconds == paid_before
    simulated.return_spot()
    simulated.env.run(HOUR + START + 1)
    assert len(simulated.tasks) == 3


def test_at_night_no_task_must_run_and_in_the_morning_one_is_there() -> None:
    simulated = service(Scaling(night="20:00-07:00"))
    simulated.env.process(nights(simulated, "20:00-07:00"))
    simulated.env.run(21 * HOUR)
    assert simulated.min_tasks == 0
    simulated.set_desired(0)
    simulated.env.run(22 * HOUR)
    assert simulated.tasks == []
    simulated.env.run(31 * HOUR + START + 1)
    assert len(simulated.tasks) == 1


def test_a_job_that_meets_no_task_waits_for_a_metric_an_alarm_and_a_start() -> None:
    row = simulate(20, Scaling(min_tasks=0, spot_percent=0), seed=3, enough=200)
    assert row["asleep_share"] > 0.3
    assert METRICS_LATE + START <= row["asleep_p50"] <= METRICS_LATE + 120 + START


def test_spot_is_cheaper_and_leaves_some_hours_without_a_task() -> None:
    spot = simulate(100, Scaling(), seed=1, enough=3_000)
    on_demand = simulate(100, Scaling(spot_percent=0), seed=1, enough=3_000)
    assert spot["usd_a_month"] < on_demand["usd_a_month"] / 2
    assert spot["no_task_hours_a_month"] > on_demand["no_task_hours_a_month"]
    assert spot["wait_p95"] <= GOAL


def test_more_hours_are_paid_than_used() -> None:
    for load in (100, 2_000):
        assert simulate(load, Scaling(), seed=1, enough=500)["paid_share"] > 1


def test_average_tasks_of_the_bill_match_the_simulation() -> None:
    for load in (1_000, 5_000):
        simulated = simulate(load, Scaling(), seed=2, enough=1_000)["average_tasks"]
        assert average_tasks(Deployment(max_tasks=math.inf), load, read_prices()) == pytest.approx(
            simulated, rel=0.15
        )


def test_summary_names_the_cheapest_settings_that_reach_the_goal() -> None:
    def row(load: float, target: float, wait: float, usd: float) -> dict[str, float]:
        return {
            "jobs_per_day": load,
            "jobs_per_task": target,
            "scale_in_minutes": 5,
            "wait_p95": wait,
            "usd_per_job": usd,
        }

    rows = [row(1, 2, 100, 0.03), row(9, 2, 100, 0.01), row(1, 3, 300, 0.02), row(9, 3, 300, 0.01)]
    assert summarise(rows)["best_jobs_per_task"] == 3
    assert (
        summarise([*rows, row(99, 3, GOAL + 1, 0.01), row(99, 2, 9, 0.02)])["best_jobs_per_task"]
        == 2
    )
    assert "best_jobs_per_task" not in summarise([row(1, 2, GOAL + 1, 0.01)])


def test_simulated_defaults_are_those_of_terraform() -> None:
    text = VARIABLES.read_text()
    for name, value in asdict(Scaling()).items():
        if name == "max_tasks":
            continue
        pattern = rf'^variable "{name}" \{{\n.*?^  default +=\s*(\S+)$'
        match = re.search(pattern, text, re.M | re.S)
        assert match is not None, name
        default = None if match[1] == "null" else float(match[1])
        assert default == value, name
