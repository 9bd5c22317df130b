"""Alarms and dashboard use metrics that the code emits, and the runbook covers each alarm."""

import logging
import re
from typing import Any

import pytest

from pipeline import metrics, telemetry
from pipeline.outcome import Outcome, RunResult
from tests.terraform.hcl import ROOT, named_blocks, read

Asked = tuple[str, tuple[str, ...]]


@pytest.fixture
def emitted(caplog: pytest.LogCaptureFixture) -> set[Asked]:
    """Every metric of the worker, with the dimensions that it is counted by."""
    caplog.set_level(logging.INFO, logger=telemetry.METRICS)
    metrics.log_run(
        RunResult(
            job_id="j",
            generation=0,
            issue_url="u",
            repository="o/r",
            outcome=Outcome.FAILED,
            reason="r",
            trace="t",
        ),
        1.0,
    )
    metrics.log_worker(
        lateness=[0.1],
        loop_delay=0.0,
        loop_stalls=0,
        events_pending=0,
        running=0,
        credentials_refused=False,
        disk_used_percent=40.0,
    )
    metrics.log_refused_templates()
    metrics.log_deployment(oldest_unfinished_seconds=0.0, spent_today_usd=0.0, events_parked=0)
    emitted_metrics = set()
    for record in caplog.records:
        directive = record.fields["_aws"]["CloudWatchMetrics"][0]  # type: ignore[attr-defined]
        assert (
            directive["Namespace"]
            == read("modules/observability/alarms.tf")["locals"][0]["sources"]["own"]
        )
        emitted_metrics |= {
            (m["Name"], tuple(sorted(d)))
            for m in directive["Metrics"]
            for d in directive["Dimensions"]
        }
    return emitted_metrics


def alarms() -> dict[str, Any]:
    return read("modules/observability/alarms.tf")["locals"][0]["alarms"]


def own(rows: Any) -> set[Asked]:
    return {(row[1], tuple(sorted(row[3]))) for row in rows if row[0] == "own"}


def test_what_is_emitted_is_exactly_what_alarms_read(emitted: set[Asked]):
    alarm_metrics = own(row for alarm in alarms().values() for row in alarm["metrics"].values())
    assert alarm_metrics == emitted


def test_the_dashboard_shows_no_other_metrics(emitted: set[Asked]):
    widgets = read("modules/observability/dashboard.tf")["locals"][0]["widgets"]
    dashboard_metrics = own(row for rows in widgets.values() for row in rows)
    assert dashboard_metrics <= emitted


def test_the_dashboards_queries_name_fields_of_the_log():
    queries = read("modules/observability/dashboard.tf")["locals"][0]["log_widgets"]
    text = " ".join(queries.values())
    names = {instrument.name for instrument in (*metrics.CLOUDWATCH, *metrics.LOGGED)}
    asked = set(re.findall(r"\b[a-z0-9_]*(?:seconds|usd|stalls)\b", text)) - {"usd", "stalls"}
    assert asked == {instrument.name for instrument in metrics.LOGGED}
    assert asked <= names


def test_the_runbook_has_an_entry_for_each_alarm_and_no_other():
    entries = re.findall(
        r"^### (.+)$", (ROOT / "docs/operations.md").read_text().partition("## Alarms")[2], re.M
    )
    rules = dict(named_blocks("modules/observability/task_events.tf", "resource"))
    notices = [name.replace("_", "-") for name in rules["aws_cloudwatch_event_rule"]]
    assert sorted(entries) == sorted([*alarms(), *notices])


def test_every_entry_says_what_it_means_and_what_to_do():
    text = (ROOT / "docs/operations.md").read_text().partition("## Alarms")[2]
    for entry in re.split(r"^### ", text, flags=re.M)[1:]:
        assert "**Means.**" in entry and "**Do.**" in entry, entry[:40]


def test_an_alarms_expression_names_exactly_its_metrics():
    for name, alarm in alarms().items():
        ids = set(re.findall(r"\b[a-z]\w*", alarm["expression"]))
        assert ids == set(alarm["metrics"]), name
