"""Logs: JSON lines (or text for people) on stderr, with their run and without secrets."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from pipeline.clock import iso_time

_context: ContextVar[dict[str, str | float]] = ContextVar("log_context", default={})  # noqa: B039 (never changed in place)

#: The logger of metrics: their ``fields`` become fields of the JSON line; text logs omit them.
METRICS = "coding_agent.metrics"

#: Minimum characters of a secret: redacting shorter values would affect ordinary words.
MIN_SECRET = 6
_SECRET_VARIABLE = re.compile(r"(KEYS?|TOKEN|SECRET|PASSWORD)(_ID)?$")
#: Libraries that log request bodies and the locations of credentials below WARNING.
_NOISY_LOGGERS = ("botocore", "aiobotocore", "boto3", "urllib3", "aiohttp", "httpx", "httpcore")


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


def environment_secrets() -> dict[str, str]:
    """Return the environment variables that hold secrets, judging by their names."""
    return {name: value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name)}


class Redactor:
    """Replaces secrets in text. In a multi-line secret, each line is also a secret by itself."""

    def __init__(self, secrets: Iterable[str]):
        parts = set()
        for secret in secrets:
            parts.add(secret.strip())
            parts.update(line.strip() for line in secret.splitlines())
        parts = {part for part in parts if len(part) >= MIN_SECRET}
        self._parts = sorted(parts, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for part in self._parts:
            text = text.replace(part, "[redacted]")
        return text


class _Formatter(logging.Formatter):
    def __init__(self, redact: Redactor, *, as_json: bool):
        super().__init__()
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = self._fields(record)
        for name, value in fields.items():
            if isinstance(value, str):
                fields[name] = self._redact(value)
        if self._as_json:
            return json.dumps(fields, ensure_ascii=False)
        return _format_text(fields)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "time": iso_time(record.created, "milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields.update(_context.get())
        fields.update(getattr(record, "fields", {}))
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return fields


def _format_text(fields: dict[str, Any]) -> str:
    """Return ``time level logger: message name=value ...``, followed by any traceback."""
    time = fields.pop("time")
    level = fields.pop("level")
    logger = fields.pop("logger")
    message = fields.pop("message")
    traceback = fields.pop("exception", None)
    context = [f"{name}={value}" for name, value in fields.items()]
    line = " ".join([f"{time} {level:<7} {logger}: {message}", *context])
    return f"{line}\n{traceback}" if traceback else line


def configure(
    *, as_json: bool, level: str = "INFO", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send all logs of the process to ``stream`` (default: stderr). A second call replaces the
    first.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Formatter(Redactor(secrets), as_json=as_json))
    if not as_json:
        handler.addFilter(lambda record: record.name != METRICS)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
