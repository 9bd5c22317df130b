"""Logs on standard error: each line has the fields of its run, and no secret.

The standard library does the work: the libraries in this process log through it, and its records
take their fields from a context variable in twenty lines.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TextIO

from pipeline.clock import iso_time
from pipeline.telemetry.redaction import Redactor

_context: ContextVar[Mapping[str, str | float]] = ContextVar("log_context", default={})  # noqa: B039 (never changed in place)

#: The logger of metrics: their ``fields`` become fields of the JSON line; other forms omit them.
METRICS = "coding_agent.metrics"

#: Libraries that log request bodies and the locations of credentials below WARNING.
_NOISY_LOGGERS = ("botocore", "aiobotocore", "boto3", "urllib3", "aiohttp", "httpx", "httpcore")


@dataclass(frozen=True)
class LogLine:
    """A line of the log, without secrets."""

    time: float
    """Seconds since the epoch."""
    level: int
    """As in the module logging."""
    logger: str
    message: str
    fields: Mapping[str, Any]
    """Those of its run, and its own."""
    traceback: str | None = None

    @property
    def level_name(self) -> str:
        return logging.getLevelName(self.level).lower()


#: How a line is written.
LineForm = Callable[[LogLine], str]


@contextmanager
def bound(**fields: str | float) -> Iterator[None]:
    """Add fields (such as job_id, generation, stage) to each log line of the block, including its
    tasks and threads.
    """
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def json_line(line: LogLine) -> str:
    """Write a line as a JSON object, for machines."""
    fields = {
        "time": iso_time(line.time, "milliseconds"),
        "level": line.level_name,
        "logger": line.logger,
        "message": line.message,
        **line.fields,
    }
    if line.traceback is not None:
        fields["exception"] = line.traceback
    return json.dumps(fields, ensure_ascii=False)


class _Formatter(logging.Formatter):
    def __init__(self, redact: Redactor, form: LineForm):
        super().__init__()
        self._redact = redact
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        fields = {**_context.get(), **getattr(record, "fields", {})}
        for name, value in fields.items():
            if isinstance(value, str):
                fields[name] = self._redact(value)
        traceback = None
        if record.exc_info:
            traceback = self._redact(self.formatException(record.exc_info))
        line = LogLine(
            time=record.created,
            level=record.levelno,
            logger=record.name,
            message=self._redact(record.getMessage()),
            fields=fields,
            traceback=traceback,
        )
        return self._form(line)


def configure(
    *,
    form: LineForm = json_line,
    level: str = "INFO",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send all logs of the process to ``stream`` (default: stderr). A second call replaces the
    first.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setLevel(level.upper())
    handler.setFormatter(_Formatter(Redactor(secrets), form))
    if form is not json_line:
        handler.addFilter(lambda record: record.name != METRICS)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
