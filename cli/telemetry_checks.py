"""Checks of ``coding-agent doctor`` of what is told to OpenTelemetry and Prometheus."""

import os
from urllib.parse import urlsplit

from cli.check import Check
from cli.tracing import trace_endpoint, tracing_problem

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
    problem = tracing_problem()
    if problem is not None:
        return [Check(TRACES, False, hint=problem, needed_for=TRACES)]
    return [Check(TRACES, True, _describe(endpoint), needed_for=TRACES)]


def _describe(endpoint: str) -> str:
    parts = [f"sent to {_without_credentials(endpoint)}"]
    for name in _SHOWN:
        if os.environ.get(name):
            parts.append(f"{name}={os.environ[name]}")
    parts += [f"{name} (set)" for name in _HEADERS if os.environ.get(name)]
    return ", ".join(parts)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
