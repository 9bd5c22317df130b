"""Logs: JSON lines (or text for a person) on stderr, with the run they belong to and without
secrets.
"""

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

_context: ContextVar[dict[str, str | int | float]] = ContextVar("log_context", default={})  # noqa: B039 (never changed in place)

#: The logger of lines that are metrics (their ``fields`` become the line's own): said in JSON, kept
#: from people.
METRICS = "coding_agent.metrics"

#: Shorter values would blot out ordinary words.
MIN_SECRET = 6


@contextmanager
def bound(**fields: str | float | float) -> Iterator[None]:
    """Add fields (job_id, generation, stage) to each log line of the block, its tasks and its
    threads.
    """
    token = _context.set(_context.get() | fields)
    try:
        yield
    finally:
        _context.reset(token)


class Redactor:
    """Takes registered secrets out of text; each line of one that has several counts by itself."""

    def __init__(self, secrets: Iterable[str]):
        parts = {part.strip() for secret in secrets for part in (secret, *secret.splitlines())}
        self._parts = sorted(
            (part for part in parts if len(part) >= MIN_SECRET), key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        for part in self._parts:
            text = text.replace(part, "[redacted]")
        return text


class _Lines(logging.Formatter):
    def __init__(self, redact: Redactor, *, as_json: bool):
        super().__init__()
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        at = (
            datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
        line: dict[str, Any] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _context.get() | getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        line = {
            key: self._redact(value) if isinstance(value, str) else value
            for key, value in line.items()
        }
        if self._as_json:
            return json.dumps(line, ensure_ascii=False)
        trace = line.pop("exception", None)
        head = (
            f"{line.pop('time')} {line.pop('level'):<7} {line.pop('logger')}: {line.pop('message')}"
        )
        said = " ".join([head, *(f"{key}={value}" for key, value in line.items())])
        return f"{said}\n{trace}" if trace else said


def configure(
    *, as_json: bool, level: str = "INFO", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send every log line of the process to ``stream`` (stderr), once. Calling it again replaces
    the last.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Lines(Redactor(secrets), as_json=as_json))
    handler.addFilter(lambda record: as_json or record.name != METRICS)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # They log request bodies and credentials' whereabouts below WARNING.
    for noisy in ("botocore", "aiobotocore", "boto3", "urllib3", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
