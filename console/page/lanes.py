"""The timeline and the spending of a run as lanes of bars."""

from collections import Counter
from collections.abc import Sequence

from console.html.bars import Lane, Tone, compare_amounts
from console.page.time_axis import TimeAxis
from console.runs.phrases import duration, usd
from console.runs.spans import Span, State
from console.runs.spending import Spending
from console.runs.timeline import Timeline
from repository.counts import count

_TONES: dict[State, Tone] = {
    "done": "",
    "sent back": "warn",
    "ended the run": "",
    "failed": "bad",
    "in progress": "light",
}


def timeline_lanes(timeline: Timeline) -> tuple[Lane, ...]:
    """Return a lane for the deliveries, for each stage, and for steps and model calls."""
    axis = TimeAxis(timeline)
    lanes = [_lane("deliveries and waits", timeline.of_kind("wait", "delivery"), axis)]
    stages = timeline.of_kind("stage")
    for name in dict.fromkeys(span.name for span in stages):
        lanes.append(_lane(name, [span for span in stages if span.name == name], axis))
    steps = timeline.of_kind("step")
    if steps:
        lanes.append(_lane("agent's steps", steps, axis, href="#steps"))
    calls = timeline.of_kind("call")
    if calls:
        lanes.append(_lane("model calls", calls, axis, href="#calls"))
    return tuple(lanes)


def money_lanes(spending: Spending) -> tuple[Lane, ...]:
    """Return a lane for the money of each stage that asked a model."""
    rows = [
        (stage.stage, stage.cost_usd, f"{usd(stage.cost_usd)}, {count(stage.calls, 'call')}")
        for stage in spending.stages
        if stage.calls
    ]
    return compare_amounts(rows)


def _lane(label: str, spans: Sequence[Span], axis: TimeAxis, *, href: str = "") -> Lane:
    bars = []
    seconds = 0.0
    troubles: Counter[str] = Counter()
    for number, span in enumerate(spans):
        bars.append(axis.bar(span, _tone(span, number), _describe(span)))
        if span.kind != "wait":
            seconds += axis.seconds(span)
        if span.state in ("sent back", "failed"):
            troubles[span.state] += 1
    text = duration(seconds)
    if any(span.state == "in progress" for span in spans):
        text += " so far"
    for state, number in troubles.items():
        text += f", {number} {state}"
    return Lane(label, text, tuple(bars), href)


def _tone(span: Span, number: int) -> Tone:
    """Return the tone of a bar. Neighbours of the same kind alternate between two tones."""
    if span.kind == "wait":
        return "wait"
    if span.kind in ("step", "call") and span.state == "done" and number % 2:
        return "light"
    return _TONES[span.state]


def _describe(span: Span) -> str:
    """Return a span in words."""
    parts = [span.name]
    if span.round is not None and span.kind == "stage":
        parts.append(f"round {span.round}")
    parts.append("not ended" if span.seconds is None else duration(span.seconds))
    if span.state in ("sent back", "ended the run", "failed"):
        parts.append(span.state)
    if span.detail:
        parts.append(span.detail)
    return ", ".join(parts)
