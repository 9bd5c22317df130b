"""The log for people: short aligned lines, in color where a terminal shows them."""

import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import click

from console.visible_text import visible
from pipeline.telemetry.logs import LineForm, LogLine, json_line

LogFormat = Literal["auto", "json", "text"]
FORMATS: tuple[LogFormat, ...] = ("auto", "json", "text")

#: Columns of a line, unless it is a warning or an error: these are never cut.
WIDTH = 120
_LEVEL_LENGTH = 7
_JOB_ID_LENGTH = 8
_RUN_LENGTH = _JOB_ID_LENGTH + 2
_PLACE_LENGTH = 16
"""Characters of the longest name of a stage, and the round."""
_COLORS = {"warning": "yellow", "error": "red", "critical": "red"}
#: Fields that have a column of their own, or say nothing to somebody who watches.
_OMITTED = (
    "job_id",
    "generation",
    "stage",
    "kind",
    "trace",
    "trace_id",
    "message_id",
)


def choose_form(chosen: LogFormat) -> LineForm:
    """Return how log lines are written to standard error.

    ``auto`` is text where standard error is a terminal, and JSON elsewhere.
    """
    is_terminal = sys.stderr.isatty()
    if chosen == "auto":
        chosen = "text" if is_terminal else "json"
    if chosen == "json":
        return json_line
    use_color = is_terminal and not os.environ.get("NO_COLOR")
    return partial(text_line, use_color=use_color)


def text_line(line: LogLine, *, use_color: bool) -> str:
    """Write a line as ``time level run stage message name=value ...``, followed by any traceback.

    The time is UTC, as in JSON lines.
    """
    moment = datetime.fromtimestamp(line.time, UTC)
    time = moment.strftime("%H:%M:%S")
    level = line.level_name.ljust(_LEVEL_LENGTH)
    run = _run(line.fields).ljust(_RUN_LENGTH)
    place = _place(line.fields).ljust(_PLACE_LENGTH)
    others = _other_fields(line)
    message = _message(line)
    if line.level < logging.WARNING:
        rest = " ".join([time, level, run, place, others])
        message = _cut(message, WIDTH - len(rest) - 1)
    color = _COLORS.get(line.level_name, "dim")
    parts = [
        time,
        _color(level, color, use_color),
        visible(run),
        visible(place),
        visible(message),
    ]
    if others:
        parts.append(_color(visible(others), "dim", use_color))
    text = " ".join(parts)
    if line.traceback is None:
        return text
    return f"{text}\n{visible(line.traceback)}"


def _run(fields: Mapping[str, Any]) -> str:
    """Return the beginning of the job's id, and the generation."""
    job_id = str(fields.get("job_id", "-"))[:_JOB_ID_LENGTH]
    generation = fields.get("generation")
    return job_id if generation is None else f"{job_id}/{generation}"


def _place(fields: Mapping[str, Any]) -> str:
    """Return the stage, and the round from the second on."""
    stage = str(fields.get("stage", ""))
    number = fields.get("round", 1)
    return f"{stage} {number}" if stage and number != 1 else stage


def _message(line: LogLine) -> str:
    """Return the message on one line, without what its column or its kind says."""
    stage = str(line.fields.get("stage", ""))
    message = line.message.removeprefix(f"{stage} ")
    if line.fields.get("kind") == "note":
        message = message.removeprefix("note ")
    return " ".join(message.split())


def _cut(message: str, length: int) -> str:
    if len(message) <= length:
        return message
    kept = max(length - 1, 0)
    return f"{message[:kept]}…"


def _other_fields(line: LogLine) -> str:
    """Return the fields without a column, and for a warning the module that it comes from."""
    parts = []
    for name, value in line.fields.items():
        is_zero = name == "seconds" and not value
        is_in_column = name == "round" and "stage" in line.fields
        if name in _OMITTED or is_zero or is_in_column:
            continue
        if isinstance(value, float):
            value = round(value, 1)
        parts.append(f"{name}={value}")
    if line.level >= logging.WARNING:
        parts.append(f"({line.logger})")
    words = " ".join(parts).split()
    return " ".join(words)


def _color(text: str, color: str, use_color: bool) -> str:
    if not use_color:
        return text
    if color == "dim":
        return click.style(text, dim=True)
    return click.style(text, fg=color)
