"""The figures of the service. Each is a record of one logger: its line is read by CloudWatch, which
turns the embedded format into metrics without a client, and ``pipeline.prometheus`` reads the same
records.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pipeline.outcome import Outcome, RunResult
from pipeline.telemetry import METRICS

log = logging.getLogger(METRICS)

NAMESPACE = "CodingAgent"

Unit = Literal["Seconds", "Count", "Percent", "None"]
"""A CloudWatch unit."""
Kind = Literal["counter", "gauge", "histogram"]
"""How Prometheus adds it up."""


@dataclass(frozen=True)
class Instrument:
    """What is measured."""

    name: str
    unit: Unit
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    """By what it is counted; each has few values."""


_OUTCOME = ("outcome",)
RUNS = Instrument("runs", "Count", "counter", "runs that have ended", _OUTCOME)
RUN_SECONDS = Instrument(
    "run_seconds",
    "Seconds",
    "histogram",
    "work on a run that has ended, waiting left out",
    _OUTCOME,
)
RUN_COST = Instrument(
    "run_cost_usd", "None", "counter", "US dollars spent by runs that have ended", _OUTCOME
)
QUEUE_WAIT = Instrument(
    "queue_wait_seconds",
    "Seconds",
    "histogram",
    "from a job's message to its run's first work",
    _OUTCOME,
)
LOOP_DELAY = Instrument(
    "loop_delay_seconds", "Seconds", "gauge", "longest delay of the event loop in the last minute"
)
LOOP_STALLS = Instrument("loop_stalls", "Count", "counter", "times that the event loop stood still")
EVENTS_PENDING = Instrument("events_pending", "Count", "gauge", "events that wait to be published")
RUNS_IN_WORK = Instrument("runs_in_work", "Count", "gauge", "messages that this worker works on")
CREDENTIALS_REFUSED = Instrument(
    "credentials_refused", "Count", "gauge", "1 while GitHub refuses this worker's credentials"
)
DISK_USED = Instrument(
    "disk_used_percent", "Percent", "gauge", "how full the disk of the data directory is"
)
HEARTBEAT_LATENESS = Instrument(
    "heartbeat_lateness_p99_seconds", "Seconds", "gauge", "99th percentile in the last minute"
)
TEMPLATE_SETS_REFUSED = Instrument(
    "template_sets_refused", "Count", "counter", "times that an older template set had to be used"
)
OLDEST_UNFINISHED = Instrument(
    "oldest_unfinished_seconds", "Seconds", "gauge", "age of the deployment's oldest unfinished run"
)
SPENT_TODAY = Instrument(
    "spent_today_usd", "None", "gauge", "US dollars that the deployment has spent in this UTC day"
)
EVENTS_PARKED = Instrument(
    "events_parked", "Count", "gauge", "events that their topic refused too often"
)
STAGE_SECONDS = Instrument(
    "stage_seconds", "Seconds", "histogram", "work of a stage in one round", ("stage",)
)
RECEIVE_FAILURES = Instrument(
    "receive_failures", "Count", "counter", "receives from the queue that failed"
)
DISK_PAUSES = Instrument(
    "disk_pauses", "Count", "counter", "times that a full disk stopped the receiving of messages"
)

#: What CloudWatch makes metrics of: exactly what its alarms read, since it charges for each.
CLOUDWATCH = (
    RUNS,
    EVENTS_PENDING,
    RUNS_IN_WORK,
    CREDENTIALS_REFUSED,
    DISK_USED,
    TEMPLATE_SETS_REFUSED,
    OLDEST_UNFINISHED,
    SPENT_TODAY,
    EVENTS_PARKED,
)
#: Fields of the same lines, which the dashboard's queries read.
LOGGED = (RUN_SECONDS, RUN_COST, QUEUE_WAIT, LOOP_DELAY, LOOP_STALLS, HEARTBEAT_LATENESS)
#: What only Prometheus gets. Each would be a line of the log.
PROMETHEUS_ONLY = (STAGE_SECONDS, RECEIVE_FAILURES, DISK_PAUSES)
INSTRUMENTS = (*CLOUDWATCH, *LOGGED, *PROMETHEUS_ONLY)
#: The outcome whose runs CloudWatch also counts by themselves: its alarm compares them with all.
COUNTED_OUTCOME = Outcome.FAILED


class Metric(NamedTuple):
    """A measurement."""

    instrument: Instrument
    value: float


def log_run(result: RunResult, queue_wait: float | None) -> None:
    """Log the metrics of a run that has ended.

    ``queue_wait`` is in seconds from sending the message to the run's first work; None if another
    worker began the run.
    """
    metrics = [
        Metric(RUNS, 1),
        Metric(RUN_SECONDS, result.seconds),
        Metric(RUN_COST, result.cost_usd),
    ]
    if queue_wait is not None:
        metrics.append(Metric(QUEUE_WAIT, queue_wait))
    dimensions = ["outcome"] if result.outcome is COUNTED_OUTCOME else []
    _emit(metrics, {"outcome": result.outcome.value}, dimensions)


def log_worker(
    *,
    lateness: Sequence[float],
    loop_delay: float,
    loop_stalls: int,
    events_pending: int,
    running: int,
    credentials_refused: bool,
    disk_used_percent: float,
) -> None:
    """Log the metrics of one worker for the last minute.

    ``lateness`` is by how many seconds each heartbeat began late.
    """
    metrics = [
        Metric(LOOP_DELAY, loop_delay),
        Metric(LOOP_STALLS, loop_stalls),
        Metric(EVENTS_PENDING, events_pending),
        Metric(RUNS_IN_WORK, running),
        Metric(CREDENTIALS_REFUSED, int(credentials_refused)),
        Metric(DISK_USED, disk_used_percent),
    ]
    if lateness:
        metrics.append(Metric(HEARTBEAT_LATENESS, percentile(lateness, 0.99)))
    _emit(metrics, {})


def log_refused_templates() -> None:
    """Log that the current template set can't be used and an older one is used instead, which
    needs an operator's attention.
    """
    _emit([Metric(TEMPLATE_SETS_REFUSED, 1)], {})


def log_deployment(
    *, oldest_unfinished_seconds: float, spent_today_usd: float, events_parked: int
) -> None:
    """Log metrics of the whole deployment: its runs, today's spending, the events that can't be
    published. All workers log them.
    """
    oldest = Metric(OLDEST_UNFINISHED, oldest_unfinished_seconds)
    spent = Metric(SPENT_TODAY, spent_today_usd)
    parked = Metric(EVENTS_PARKED, events_parked)
    _emit([oldest, spent, parked], {})


def note_stage(stage: str, seconds: float) -> None:
    """Tell Prometheus how long a stage worked in a round."""
    _note(Metric(STAGE_SECONDS, seconds), {"stage": stage})


def note_running(running: int) -> None:
    """Tell Prometheus how many messages this worker works on, without waiting for the minute."""
    _note(Metric(RUNS_IN_WORK, running), {})


def note_receive_failure() -> None:
    """Tell Prometheus that a receive from the queue failed."""
    _note(Metric(RECEIVE_FAILURES, 1), {})


def note_disk_pause() -> None:
    """Tell Prometheus that no messages are received because the disk is full."""
    _note(Metric(DISK_PAUSES, 1), {})


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a ``share`` of them don't exceed (nearest rank).

    ``share`` is between 0 and 1.
    """
    rank = math.ceil(share * len(values))
    return sorted(values)[max(rank - 1, 0)]


def _note(metric: Metric, labels: Mapping[str, str]) -> None:
    """Emit a record that is below the log's level: only a handler of this logger asks for it."""
    log.debug("metrics", extra={"metrics": [metric], "labels": labels})


def _emit(
    metrics: Sequence[Metric], labels: Mapping[str, str], dimensions: Sequence[str] = ()
) -> None:
    """Emit a record that is also a line for CloudWatch.

    ``dimensions`` are the labels by which CloudWatch counts besides the total: one metric for each
    value.
    """
    if not log.isEnabledFor(logging.INFO):
        return
    instruments = [metric.instrument for metric in metrics if metric.instrument in CLOUDWATCH]
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[], list(dimensions)] if dimensions else [[]],
        "Metrics": [{"Name": each.name, "Unit": each.unit} for each in instruments],
    }
    milliseconds = int(time.time() * 1000)
    fields: dict[str, Any] = {
        "_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]},
        **labels,
    }
    for metric in metrics:
        fields[metric.instrument.name] = round(metric.value, 6)
    log.info("metrics", extra={"fields": fields, "metrics": metrics, "labels": labels})
