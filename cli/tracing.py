"""Where spans are sent: OpenTelemetry's own variables say so (``OTEL_*``)."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cli.missing import how_to_install
from pipeline.telemetry.spans import NoTracer, Tracer

log = logging.getLogger(__name__)

#: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def trace_endpoint() -> str | None:
    """Return the address that spans are sent to; None if they are not wanted."""
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    return _first_set(ENDPOINTS)


def tracing_problem() -> str | None:
    """Return why spans that are wanted can't be sent, and what to do; None if they can."""
    protocol = _first_set(PROTOCOLS)
    if protocol is not None and not protocol.startswith("http/"):
        return f"{protocol} is not supported: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401 (only whether it is there)
    except ImportError:
        return how_to_install("otel")
    return None


@contextmanager
def open_tracer(redact: Callable[[str], str]) -> Iterator[Tracer]:
    """Provide the tracer that the environment asks for; the last spans are sent at the end.

    ``redact`` removes secrets from attributes.
    """
    if trace_endpoint() is None:
        yield NoTracer()
        return
    problem = tracing_problem()
    if problem is not None:
        log.warning("no traces are sent: %s", problem)
        yield NoTracer()
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from pipeline.telemetry.otel import OtelTracer

    tracer = OtelTracer(BatchSpanProcessor(OTLPSpanExporter()), redact)
    try:
        yield tracer
    finally:
        tracer.close()


def _first_set(variables: tuple[str, ...]) -> str | None:
    for name in variables:
        if os.environ.get(name):
            return os.environ[name]
    return None
