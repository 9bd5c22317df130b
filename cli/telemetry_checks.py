"""Checks of ``coding-agent doctor`` of the settings for OpenTelemetry and Prometheus."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from cli.check import Check
from cli.tracing import TracingRefused, make_tracer, trace_endpoint
from pipeline.telemetry import Redactor, environment_secrets

#: What these checks are needed for.
TRACES = "traces"

#: Standard variables that are shown, but for the headers, which identify the sender
#: (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
_SHOWN = (
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
)
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")


def check_traces() -> list[Check]:
    """Check whether spans can be sent, if an endpoint is set."""
    endpoint = trace_endpoint()
    if endpoint is None:
        return []
    with _warnings_of_opentelemetry() as warnings:
        try:
            make_tracer(redact=str).close()
        except TracingRefused as error:
            return [Check(TRACES, False, hint=str(error), needed_for=TRACES)]
    detail = ", ".join([_describe(endpoint), *warnings])
    # A warning may quote a malformed header.
    redact = Redactor(environment_secrets().values())
    return [Check(TRACES, True, redact(detail), needed_for=TRACES)]


@contextmanager
def _warnings_of_opentelemetry() -> Iterator[list[str]]:
    """Collect its warnings, which name a variable whose value is not used, instead of printing
    them.
    """
    warnings = _Warnings()
    logger = logging.getLogger("opentelemetry")
    level = logger.level
    logger.addHandler(warnings)
    logger.propagate = False
    # Whatever the level of the process's log is.
    logger.setLevel(logging.WARNING)
    try:
        yield warnings.messages
    finally:
        logger.setLevel(level)
        logger.propagate = True
        logger.removeHandler(warnings)


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _describe(endpoint: str) -> str:
    parts = [f"sent to {_without_credentials(endpoint)}"]
    for name in _SHOWN:
        if os.environ.get(name):
            parts.append(f"{name}={os.environ[name]}")
    parts += [f"{name} (set)" for name in _HEADERS if os.environ.get(name)]
    return ", ".join(parts)


def _without_credentials(url: str) -> str:
    """Return the address without a user's name, a password and a query, which may have a key."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
