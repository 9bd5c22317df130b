import io
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import metrics, telemetry
from pipeline.outcome import Outcome, RunResult


def result(outcome: Outcome = Outcome.NO_FIX) -> RunResult:
    return RunResult(
        job_id="j",
        generation=0,
        issue_url="u",
        repository="octo/repo",
        outcome=outcome,
        reason="r",
        cost_usd=0.25,
        seconds=12.5,
        trace="t",
    )


def line(stream: io.StringIO) -> dict[str, Any]:
    """Return the fields of the only line, checked against CloudWatch's specification."""
    (text,) = stream.getvalue().splitlines()
    fields: dict[str, Any] = json.loads(text)
    assert 10**12 < fields["_aws"]["Timestamp"] < 10**14, "milliseconds"
    (directive,) = fields["_aws"]["CloudWatchMetrics"]
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    for dimensions in directive["Dimensions"]:
        assert all(isinstance(fields[name], str) for name in dimensions)
    for metric in directive["Metrics"]:
        assert metric["Unit"] in {"Seconds", "Count", "Percent", "None"}
        assert isinstance(fields[metric["Name"]], int | float)
    return fields


def test_ended_run_is_counted_and_its_line_has_all_figures(stream: io.StringIO):
    telemetry.configure(stream=stream)
    with telemetry.bound(job_id="j"):
        metrics.log_run(result(), 3.0)
    fields = line(stream)
    directive = fields["_aws"]["CloudWatchMetrics"][0]
    assert directive["Dimensions"] == [[]]
    assert [metric["Name"] for metric in directive["Metrics"]] == ["runs"]
    assert (
        fields["runs"],
        fields["run_seconds"],
        fields["run_cost_usd"],
        fields["queue_wait_seconds"],
    ) == (1, 12.5, 0.25, 3.0)
    assert (fields["outcome"], fields["job_id"]) == ("no_fix", "j")


def test_only_failed_runs_are_counted_by_their_outcome_too(stream: io.StringIO):
    telemetry.configure(stream=stream)
    metrics.log_run(result(Outcome.FAILED), None)
    assert line(stream)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[], ["outcome"]]


def test_every_figure_is_in_one_list():
    names = [instrument.name for instrument in metrics.INSTRUMENTS]
    assert sorted(names) == sorted(set(names))


def test_unknown_queue_wait_is_left_out(stream: io.StringIO):
    telemetry.configure(stream=stream)
    metrics.log_run(result(), None)
    assert "queue_wait_seconds" not in line(stream)


def test_workers_line_has_the_heartbeats_lateness(stream: io.StringIO):
    telemetry.configure(stream=stream)
    late = [0.01] * 98 + [0.5, 9.0]
    metrics.log_worker(
        lateness=late,
        loop_delay=0.2,
        loop_stalls=1,
        events_pending=4,
        running=2,
        credentials_refused=True,
        disk_used_percent=62.5,
    )
    fields = line(stream)
    assert fields["disk_used_percent"] == 62.5
    assert fields["heartbeat_lateness_p99_seconds"] == 0.5
    assert (
        fields["loop_delay_seconds"],
        fields["loop_stalls"],
        fields["events_pending"],
        fields["runs_in_work"],
        fields["credentials_refused"],
    ) == (0.2, 1, 4, 2, 1)


def test_the_deployments_line_has_the_oldest_job_and_todays_spending(
    stream: io.StringIO,
):
    telemetry.configure(stream=stream)
    metrics.log_deployment(oldest_unfinished_seconds=90.0, spent_today_usd=1.5, events_parked=3)
    fields = line(stream)
    assert (fields["oldest_unfinished_seconds"], fields["spent_today_usd"]) == (90, 1.5)
    assert fields["events_parked"] == 3


def test_text_log_has_no_metrics(stream: io.StringIO, caplog: pytest.LogCaptureFixture):
    telemetry.configure(form=lambda line: line.message, stream=stream)
    logging.getLogger().addHandler(caplog.handler)
    metrics.log_run(result(), 3.0)
    assert stream.getvalue() == ""
    assert [record.name for record in caplog.records] == [telemetry.METRICS], (
        "other handlers still get it"
    )


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.sampled_from([0.5, 0.99, 1.0]))
def test_percentile_is_a_value_that_enough_values_do_not_exceed(values: list[float], share: float):
    result = metrics.percentile(values, share)
    assert result in values
    assert sum(value <= result for value in values) >= share * len(values)
    assert sum(value < result for value in values) < share * len(values)
