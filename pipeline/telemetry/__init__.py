"""What the service tells about its work: logs and spans, without secrets and without prompts."""

from pipeline.telemetry.logs import METRICS, LogLine, bound, configure, json_line
from pipeline.telemetry.redaction import MIN_SECRET, Redactor, environment_secrets

__all__ = [
    "METRICS",
    "MIN_SECRET",
    "LogLine",
    "Redactor",
    "bound",
    "configure",
    "environment_secrets",
    "json_line",
]
