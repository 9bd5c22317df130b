"""The simulation behind the scaling's defaults: what it must get right for its figures to mean
something.
"""

import math
import re
from dataclasses import asdict

import pytest

from benchmarks.capacity import GOAL, METRICS_LATE, OVER_MINUTES, START, Scaling, judged, simulate
from tests.cli.console import ROOT
from tools.bill import Deployment, average_tasks, read_prices

VARIABLES = ROOT / "terraform/variables.tf"


def test_what_is_always_there_costs_min_tasks_and_nobody_waits() -> None:
    row = simulate(20, Scaling(min_tasks=20, max_tasks=20), seed=3, enough=20)
    assert row["average_tasks"] == pytest.approx(20, rel=0.01)
    assert row["wait_max"] == 0


def test_no_more_than_max_tasks_run_and_the_jobs_wait_instead() -> None:
    row = simulate(1_000, Scaling(max_tasks=2), seed=3, enough=1)
    assert row["most_tasks"] == 2
    assert row["wait_p50"] > 600


def test_a_burst_waits_for_metrics_alarm_and_start_and_not_longer() -> None:
    row = simulate(100, Scaling(), seed=3, enough=400)
    # The minute in which it came, and the one in which it is seen.
    assert (
        OVER_MINUTES * 60 + START
        <= row["wait_max"]
        <= METRICS_LATE + (OVER_MINUTES + 1) * 60 + START + 10
    )
    assert row["wait_p95"] <= GOAL


def test_hours_are_paid_for_at_least_what_is_used() -> None:
    for load in (100, 2_000):
        assert simulate(load, Scaling(), seed=1, enough=500)["paid_share"] > 1


def test_the_bills_average_of_tasks_fits_the_simulation() -> None:
    for load in (1_000, 5_000):
        simulated = simulate(load, Scaling(), seed=2, enough=1_000)["average_tasks"]
        assert average_tasks(Deployment(max_tasks=math.inf), load, read_prices()) == pytest.approx(
            simulated, rel=0.15
        )


def test_the_cheapest_settings_that_reach_the_goal_at_every_load_are_named() -> None:
    def row(load: float, target: float, wait: float, usd: float) -> dict[str, float]:
        return {
            "jobs_per_day": load,
            "jobs_per_task": target,
            "scale_in_minutes": 5,
            "wait_p95": wait,
            "usd_per_job": usd,
        }

    rows = [row(1, 2, 100, 0.03), row(9, 2, 100, 0.01), row(1, 3, 300, 0.02), row(9, 3, 300, 0.01)]
    assert judged(rows)["best_jobs_per_task"] == 3
    assert (
        judged([*rows, row(99, 3, GOAL + 1, 0.01), row(99, 2, 9, 0.02)])["best_jobs_per_task"] == 2
    )
    assert "best_jobs_per_task" not in judged([row(1, 2, GOAL + 1, 0.01)])


def test_the_simulated_defaults_are_terraforms() -> None:
    text = VARIABLES.read_text()
    for name, value in asdict(Scaling()).items():
        if name != "max_tasks":
            found = re.search(
                rf'^variable "{name}" \{{\n.*?^  default +=\s*(\S+)$', text, re.M | re.S
            )
            assert found and float(found[1]) == value, name
