"""The simulation behind the scaling's defaults."""

import math
import re
from dataclasses import asdict

import pytest

from benchmarks.capacity import (
    GOAL,
    METRICS_LATE,
    OVER_MINUTES,
    START,
    Scaling,
    simulate,
    summarise,
)
from tests.cli.console import ROOT
from tools.deployment import Deployment, average_tasks
from tools.prices import read_prices

VARIABLES = ROOT / "terraform/variables.tf"


def test_tasks_that_always_run_cost_min_tasks_and_no_job_waits() -> None:
    row = simulate(20, Scaling(min_tasks=20, max_tasks=20), seed=3, enough=20)
    assert row["average_tasks"] == pytest.approx(20, rel=0.01)
    assert row["wait_max"] == 0


def test_no_more_than_max_tasks_run() -> None:
    row = simulate(1_000, Scaling(max_tasks=2), seed=3, enough=1)
    assert row["most_tasks"] == 2
    assert row["wait_p50"] > 600


def test_burst_waits_only_for_metrics_alarm_and_start() -> None:
    row = simulate(100, Scaling(), seed=3, enough=400)
    shortest = OVER_MINUTES * 60 + START
    # The minute in which it came, and the one in which it is seen.
    longest = METRICS_LATE + (OVER_MINUTES + 1) * 60 + START + 10
    assert shortest <= row["wait_max"] <= longest
    assert row["wait_p95"] <= GOAL


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
        assert match and float(match[1]) == value, name
