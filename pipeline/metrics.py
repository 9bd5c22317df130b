"""Metrics in CloudWatch's embedded format: JSON log lines that CloudWatch Logs turns into metrics,
without a client.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.outcome import RunResult
from pipeline.telemetry import METRICS

log = logging.getLogger(METRICS)

NAMESPACE = "CodingAgent"


class Metric(NamedTuple):
    name: str
    value: float
    unit: str
    """A CloudWatch unit: Seconds, Count or None."""


def log_run(result: RunResult, queue_wait: float | None) -> None:
    """Log the metrics of a run that has ended.

    ``queue_wait`` is in seconds from sending the message to the run's first work; None if another
    worker began the run.
    """
    metrics = [
        Metric("runs", 1, "Count"),
        Metric("run_seconds", result.seconds, "Seconds"),
        Metric("run_cost_usd", result.cost_usd, "None"),
    ]
    if queue_wait is not None:
        metrics.append(Metric("queue_wait_seconds", queue_wait, "Seconds"))
    _emit(metrics, {"outcome": result.outcome.value})


def log_worker(
    *,
    lateness: Sequence[float],
    loop_delay: float,
    loop_stalls: int,
    events_pending: int,
    running: int,
    credentials_refused: bool,
) -> None:
    """Log the metrics of one worker for the last minute.

    ``lateness`` is by how many seconds each heartbeat began late.
    """
    metrics = [
        Metric("loop_delay_seconds", loop_delay, "Seconds"),
        Metric("loop_stalls", loop_stalls, "Count"),
        Metric("events_pending", events_pending, "Count"),
        Metric("runs_in_work", running, "Count"),
        Metric("credentials_refused", int(credentials_refused), "Count"),
    ]
    if lateness:
        p99 = percentile(lateness, 0.99)
        metrics.append(Metric("heartbeat_lateness_p99_seconds", p99, "Seconds"))
    _emit(metrics, {})


def log_refused_templates() -> None:
    """Log that the current template set can't be used and an older one is used instead, which
    needs an operator's attention.
    """
    _emit([Metric("template_sets_refused", 1, "Count")], {})


def log_deployment(
    *, oldest_unfinished_seconds: float, spent_today_usd: float, events_parked: int
) -> None:
    """Log metrics of the whole deployment: its runs, today's spending, the events that can't be
    published. All workers log them.
    """
    oldest = Metric("oldest_unfinished_seconds", oldest_unfinished_seconds, "Seconds")
    spent = Metric("spent_today_usd", spent_today_usd, "None")
    parked = Metric("events_parked", events_parked, "Count")
    _emit([oldest, spent, parked], {})


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a ``share`` of them don't exceed (nearest rank).

    ``share`` is between 0 and 1.
    """
    rank = math.ceil(share * len(values))
    return sorted(values)[max(rank - 1, 0)]


def _emit(metrics: Sequence[Metric], dimensions: Mapping[str, str]) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[], list(dimensions)] if dimensions else [[]],
        "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in metrics],
    }
    milliseconds = int(time.time() * 1000)
    fields: dict[str, Any] = {
        "_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]},
        **dimensions,
    }
    for metric in metrics:
        fields[metric.name] = round(metric.value, 6)
    log.info("metrics", extra={"fields": fields})
