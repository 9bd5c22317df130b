import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import metrics, telemetry
from pipeline.outcome import Outcome, RunResult


def result() -> RunResult:
    return RunResult(
        job_id="j",
        generation=0,
        issue_url="u",
        repository="octo/repo",
        outcome=Outcome.NO_FIX,
        reason="r",
        cost_usd=0.25,
        seconds=12.5,
        trace="t",
    )


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    level = root.level
    for handler in handlers:
        root.removeHandler(handler)
    try:
        yield io.StringIO()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def line(stream: io.StringIO) -> dict[str, Any]:
    """The one line that was said, held against CloudWatch's specification."""
    (said,) = stream.getvalue().splitlines()
    told: dict[str, Any] = json.loads(said)
    assert 10**12 < told["_aws"]["Timestamp"] < 10**14, "milliseconds"
    (directive,) = told["_aws"]["CloudWatchMetrics"]
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    for dimensions in directive["Dimensions"]:
        assert all(isinstance(told[name], str) for name in dimensions)
    for metric in directive["Metrics"]:
        assert metric["Unit"] in {"Seconds", "Count", "None"}
        assert isinstance(told[metric["Name"]], int | float)
    return told


def test_a_run_that_ended_is_a_line_that_cloudwatch_counts_by_outcome(stream: io.StringIO):
    telemetry.configure(as_json=True, stream=stream)
    with telemetry.bound(job_id="j"):
        metrics.run_ended(result(), 3.0)
    told = line(stream)
    assert told["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[], ["outcome"]]
    assert (
        told["runs"],
        told["run_seconds"],
        told["run_cost_usd"],
        told["queue_wait_seconds"],
    ) == (1, 12.5, 0.25, 3.0)
    assert (told["outcome"], told["job_id"]) == ("no_fix", "j")


def test_a_wait_that_nobody_measured_is_left_out(stream: io.StringIO):
    telemetry.configure(as_json=True, stream=stream)
    metrics.run_ended(result(), None)
    assert "queue_wait_seconds" not in line(stream)


def test_a_workers_minute_tells_the_heartbeats_lateness(stream: io.StringIO):
    telemetry.configure(as_json=True, stream=stream)
    late = [0.01] * 98 + [0.5, 9.0]
    metrics.worker_turned(lateness=late, loop_delay=0.2, loop_stalls=1, events_pending=4, running=2)
    told = line(stream)
    assert told["heartbeat_lateness_p99_seconds"] == 0.5
    assert (
        told["loop_delay_seconds"],
        told["loop_stalls"],
        told["events_pending"],
        told["runs_in_work"],
    ) == (0.2, 1, 4, 2)


def test_the_deployments_line_has_the_oldest_unfinished_job_and_todays_money(
    stream: io.StringIO,
):
    telemetry.configure(as_json=True, stream=stream)
    metrics.deployment_seen(oldest_unfinished_seconds=90.0, spent_today_usd=1.5)
    fields = line(stream)
    assert (fields["oldest_unfinished_seconds"], fields["spent_today_usd"]) == (90, 1.5)


def test_a_person_who_reads_the_log_is_spared(
    stream: io.StringIO, caplog: pytest.LogCaptureFixture
):
    telemetry.configure(as_json=False, stream=stream)
    logging.getLogger().addHandler(caplog.handler)
    metrics.run_ended(result(), 3.0)
    assert stream.getvalue() == ""
    assert [record.name for record in caplog.records] == [telemetry.METRICS], (
        "other handlers still get it"
    )


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_percentile_is_one_of_the_values_and_enough_do_not_pass_it(
    values: list[float], share: float
):
    found = metrics.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)
