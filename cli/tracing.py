"""Where spans are sent: OpenTelemetry's own variables say so (``OTEL_*``)."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cli.missing import how_to_install
from pipeline.errors import describe
from pipeline.telemetry.spans import NoTracer, Tracer

if TYPE_CHECKING:
    from pipeline.telemetry.otel import OtelTracer

log = logging.getLogger(__name__)

#: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"


class TracingRefused(Exception):
    """Spans can't be sent. The message says why, and what to do."""


def trace_endpoint() -> str | None:
    """Return the address that spans are sent to; None if they are not wanted."""
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    return _first_set(ENDPOINTS)


@contextmanager
def open_tracer(redact: Callable[[str], str]) -> Iterator[Tracer]:
    """Provide the tracer that the environment asks for; the last spans are sent at the end.

    ``redact`` removes secrets from attributes. If the variables are wrong, no spans are sent, and
    the command goes on.
    """
    if trace_endpoint() is None:
        yield NoTracer()
        return
    try:
        tracer = make_tracer(redact)
    except TracingRefused as error:
        # Not a warning, which ``fix`` does not show.
        log.error("no traces are sent: %s", error)
        yield NoTracer()
        return
    try:
        yield tracer
    finally:
        tracer.close()


def make_tracer(redact: Callable[[str], str]) -> "OtelTracer":
    """Return a tracer, whose thread runs until it is closed.

    Raises:
        TracingRefused: the extra is not installed, or a variable has a value that can't be used.
    """
    protocol = _first_set(PROTOCOLS)
    if protocol not in (None, PROTOCOL):
        raise TracingRefused(
            f"{protocol} is not supported: set OTEL_EXPORTER_OTLP_PROTOCOL={PROTOCOL}"
        )
    if not _is_web_address(_first_set(ENDPOINTS) or ""):
        # Its value may contain a password.
        raise TracingRefused(
            "the collector's address is not an HTTP address: set"
            " OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318"
        )
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from pipeline.telemetry.otel import OtelTracer
    except ImportError:
        raise TracingRefused(how_to_install("otel")) from None
    try:
        return OtelTracer(BatchSpanProcessor(OTLPSpanExporter()), redact)
    except Exception as error:  # also of a plug-in that a variable names
        raise TracingRefused(f"correct the variables OTEL_*: {describe(error)}") from error


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _first_set(variables: tuple[str, ...]) -> str | None:
    for name in variables:
        if os.environ.get(name):
            return os.environ[name]
    return None
