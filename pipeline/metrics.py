"""Metrics in CloudWatch's embedded format: a JSON log line from which CloudWatch Logs makes them,
with no client.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.outcome import RunResult
from pipeline.store.contract import RunStore
from pipeline.telemetry import METRICS

log = logging.getLogger(METRICS)

NAMESPACE = "CodingAgent"


def run_ended(result: RunResult, queue_wait: float | None) -> None:
    """``queue_wait``: seconds from the message's sending to its run's first work; None: another
    worker began it.
    """
    values: dict[str, tuple[float, str]] = {
        "runs": (1, "Count"),
        "run_seconds": (result.seconds, "Seconds"),
        "run_cost_usd": (result.cost_usd, "None"),
    }
    if queue_wait is not None:
        values["queue_wait_seconds"] = (queue_wait, "Seconds")
    _emit(values, {"outcome": result.outcome.value})


def worker_turned(
    *,
    lateness: Sequence[float],
    loop_delay: float,
    loop_stalls: int,
    events_pending: int,
    running: int,
) -> None:
    """The last minute of one worker. ``lateness``: seconds by which each heartbeat began too late."""
    values: dict[str, tuple[float, str]] = {
        "loop_delay_seconds": (loop_delay, "Seconds"),
        "loop_stalls": (loop_stalls, "Count"),
        "events_pending": (events_pending, "Count"),
        "runs_in_work": (running, "Count"),
    }
    if lateness:
        values["heartbeat_lateness_p99_seconds"] = (percentile(lateness, 0.99), "Seconds")
    _emit(values, {})


def templates_refused() -> None:
    """What was made current can't be used, and the last good set stays: an operator has to look."""
    _emit({"template_sets_refused": (1, "Count")}, {})


def deployment_seen(store: RunStore, now: float) -> None:
    """What the store says of all workers' runs and of today's money; each worker tells the same. ``now``: the store's
    clock, seconds since the epoch. Its errors pass through."""
    oldest = store.oldest_unfinished()
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    values = {
        "oldest_unfinished_seconds": (
            max(now - oldest, 0.0) if oldest is not None else 0.0,
            "Seconds",
        ),
        "spent_today_usd": (store.spent(day=today) / 1e6, "None"),
    }
    _emit(values, {})


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that at least a ``share`` of them do not pass (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def _emit(values: Mapping[str, tuple[float, str]], dimensions: Mapping[str, str]) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    directive: dict[str, Any] = {
        "Namespace": NAMESPACE,
        "Dimensions": [[], [*dimensions]] if dimensions else [[]],
        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()],
    }
    line: dict[str, Any] = {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    }
    line |= {name: round(value, 6) for name, (value, _) in values.items()} | dict(dimensions)
    log.info("metrics", extra={"fields": line})
