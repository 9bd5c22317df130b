"""The service's figures in Prometheus' text form, for ``/metrics``; the extra ``metrics`` has the
library.
"""

import logging
from collections.abc import Mapping
from typing import Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from pipeline.metrics import INSTRUMENTS, Instrument, Metric
from pipeline.telemetry import METRICS

PREFIX = "coding_agent_"
#: Upper bounds in seconds: a stage takes from milliseconds to the hour that a run may work.
BUCKETS = (0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)

_Recorder = Counter | Gauge | Histogram


class PrometheusMetrics(logging.Handler):
    """Adds up the records of the logger of metrics, while entered as a context."""

    def __init__(self) -> None:
        super().__init__()
        # Two series for each counter, and nobody reads the second.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._recorders: dict[Instrument, _Recorder] = {}
        for instrument in INSTRUMENTS:
            self._recorders[instrument] = self._register(instrument)
        ProcessCollector(registry=self._registry)

    def __enter__(self) -> Self:
        logger = logging.getLogger(METRICS)
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger(METRICS)
        logger.removeHandler(self)
        logger.setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        metrics: list[Metric] = getattr(record, "metrics", [])
        labels: Mapping[str, str] = getattr(record, "labels", {})
        for metric in metrics:
            self._record(metric, labels)

    def text(self) -> bytes:
        """Return all figures, in version 0.0.4 of Prometheus' text form."""
        return generate_latest(self._registry)

    def _register(self, instrument: Instrument) -> _Recorder:
        name = PREFIX + instrument.name
        labels = instrument.labels
        if instrument.kind == "counter":
            return Counter(name, instrument.meaning, labels, registry=self._registry)
        if instrument.kind == "gauge":
            return Gauge(name, instrument.meaning, labels, registry=self._registry)
        return Histogram(name, instrument.meaning, labels, registry=self._registry, buckets=BUCKETS)

    def _record(self, metric: Metric, labels: Mapping[str, str]) -> None:
        recorder = self._recorders[metric.instrument]
        if metric.instrument.labels:
            recorder = recorder.labels(**labels)
        if isinstance(recorder, Counter):
            recorder.inc(metric.value)
        elif isinstance(recorder, Gauge):
            recorder.set(metric.value)
        else:
            recorder.observe(metric.value)
