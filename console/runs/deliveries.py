"""The deliveries of a run and the waits between them, from its history."""

from dataclasses import dataclass, field, replace

from console.runs.spans import Span
from pipeline.store.contract import Moment, RunRow

#: Entries of the history that end a delivery.
_ENDS = ("released", "finished")
#: Entries that say why the run is delivered again.
_REASONS = ("waits", "try failed")


@dataclass
class _Reading:
    """The state while the history is read."""

    spans: list[Span] = field(default_factory=list)
    delivery: Span | None = None
    """The delivery that has not ended yet."""
    waiting_since: float | None = None
    reason: str = ""
    """Why the run is waiting."""


def delivery_spans(run: RunRow, history: list[Moment]) -> list[Span]:
    """Return a span for each delivery, and for each wait before one."""
    reading = _Reading(waiting_since=run.created_at, reason="in the queue")
    for moment in history:
        if moment.what == "delivered":
            _begin(reading, moment)
        elif moment.what in _REASONS:
            reading.reason = moment.detail
        elif moment.what in _ENDS:
            _end(reading, moment.at)
            reading.waiting_since = moment.at
    if run.finished_at is not None:
        _end(reading, run.finished_at)
    elif reading.delivery is not None:
        reading.spans.append(replace(reading.delivery, state="in progress"))
    elif reading.waiting_since is not None:
        wait = Span("wait", "wait", reading.waiting_since, None, detail=reading.reason)
        reading.spans.append(replace(wait, state="in progress"))
    return reading.spans


def _begin(reading: _Reading, delivered: Moment) -> None:
    if reading.delivery is not None:
        # Its worker died: the end of its lease is not in the history.
        died = replace(reading.delivery, state="failed", detail="its worker died")
        reading.spans.append(replace(died, end=delivered.at))
    elif reading.waiting_since is not None:
        wait = Span("wait", "wait", reading.waiting_since, delivered.at, detail=reading.reason)
        reading.spans.append(wait)
    number = sum(span.kind == "delivery" for span in reading.spans) + 1
    reading.delivery = Span("delivery", f"delivery {number}", delivered.at, None)
    reading.waiting_since = None
    reading.reason = "put back"


def _end(reading: _Reading, at: float) -> None:
    if reading.delivery is not None:
        reading.spans.append(replace(reading.delivery, end=at))
    reading.delivery = None
