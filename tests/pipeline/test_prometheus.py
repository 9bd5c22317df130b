"""The figures of ``/metrics``: those of CloudWatch, from the same records."""

import io
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline import metrics, telemetry
from pipeline.metrics import INSTRUMENTS
from pipeline.outcome import Outcome, RunResult
from pipeline.prometheus import PREFIX, PrometheusMetrics


@pytest.fixture
def log(stream: io.StringIO) -> io.StringIO:
    """The log of a worker."""
    telemetry.configure(stream=stream)
    return stream


@pytest.fixture
def prometheus(log: io.StringIO) -> Iterator[PrometheusMetrics]:
    with PrometheusMetrics() as prometheus:
        yield prometheus


def result(outcome: Outcome = Outcome.NO_FIX, cost_usd: float = 0.25) -> RunResult:
    return RunResult(
        job_id="a-job",
        generation=0,
        issue_url="https://github.com/octo/private/issues/1",
        repository="octo/private",
        outcome=outcome,
        reason="a reason",
        cost_usd=cost_usd,
        seconds=12.5,
        trace="t",
    )


def samples(prometheus: PrometheusMetrics) -> dict[tuple[str, ...], float]:
    """Return the values by name, without our prefix, and the values of its sorted labels."""
    values = {}
    for family in text_string_to_metric_families(prometheus.text().decode()):
        for sample in family.samples:
            labels = [value for _, value in sorted(sample.labels.items())]
            values[(sample.name.removeprefix(PREFIX), *labels)] = sample.value
    return values


def test_runs_are_counted_by_outcome_with_their_money_and_seconds(prometheus: PrometheusMetrics):
    metrics.log_run(result(Outcome.PR_OPENED), 3.0)
    metrics.log_run(result(Outcome.NO_FIX), None)
    metrics.log_run(result(Outcome.NO_FIX, cost_usd=1.0), 7.0)
    values = samples(prometheus)
    assert (values["runs_total", "pr_opened"], values["runs_total", "no_fix"]) == (1, 2)
    assert values["run_cost_usd_total", "no_fix"] == 1.25
    assert values["run_seconds_sum", "no_fix"] == 25.0
    assert values["queue_wait_seconds_count", "no_fix"] == 1
    assert values["run_seconds_bucket", "15.0", "pr_opened"] == 1
    assert values["run_seconds_bucket", "5.0", "pr_opened"] == 0


def test_a_workers_and_the_deployments_minute_are_gauges_and_stalls_add_up(
    prometheus: PrometheusMetrics,
):
    for running in (2, 1):
        metrics.log_worker(
            lateness=[0.5],
            loop_delay=0.2,
            loop_stalls=1,
            events_pending=4,
            running=running,
            credentials_refused=False,
            disk_used_percent=40.0,
        )
    metrics.log_deployment(oldest_unfinished_seconds=90.0, spent_today_usd=1.5, events_parked=3)
    metrics.log_refused_templates()
    values = samples(prometheus)
    assert values["runs_in_work",] == 1
    assert values["disk_used_percent",] == 40
    assert values["loop_stalls_total",] == 2
    assert (values["events_pending",], values["events_parked",]) == (4, 3)
    assert (values["oldest_unfinished_seconds",], values["spent_today_usd",]) == (90, 1.5)
    assert values["template_sets_refused_total",] == 1
    assert values["heartbeat_lateness_p99_seconds",] == 0.5


def test_what_only_prometheus_gets_is_no_line_of_the_log(
    prometheus: PrometheusMetrics, log: io.StringIO
):
    metrics.note_stage("checkout", 2.0)
    metrics.note_running(3)
    metrics.note_receive_failure()
    metrics.note_disk_pause()
    values = samples(prometheus)
    assert values["stage_seconds_sum", "checkout"] == 2.0
    assert values["runs_in_work",] == 3
    assert (values["receive_failures_total",], values["disk_pauses_total",]) == (1, 1)
    assert log.getvalue() == ""


def test_what_cloudwatch_gets_is_still_a_line_of_the_log(
    prometheus: PrometheusMetrics, log: io.StringIO
):
    metrics.log_run(result(), None)
    (line,) = log.getvalue().splitlines()
    assert '"run_cost_usd": 0.25' in line
    assert '"labels"' not in line and '"metrics":' not in line


def test_every_figure_is_there_and_none_names_a_job_or_a_repository(
    prometheus: PrometheusMetrics,
):
    metrics.log_run(result(), 1.0)
    text = prometheus.text().decode()
    for instrument in INSTRUMENTS:
        assert f"# HELP {PREFIX}{instrument.name}" in text
        assert set(instrument.labels) <= {"outcome", "stage"}, "labels have few values"
    assert "a-job" not in text and "private" not in text


def test_after_it_is_closed_nothing_is_added(log: io.StringIO):
    with PrometheusMetrics() as prometheus:
        pass
    metrics.note_receive_failure()
    metrics.log_run(result(), None)
    values = samples(prometheus)
    assert values["receive_failures_total",] == 0
    assert ("runs_total", "no_fix") not in values
