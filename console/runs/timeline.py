"""When things happened in a run: spans with a start and an end, and points in time."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.runs.agent_steps import AgentStep
from console.runs.calls import ModelCall
from console.runs.deliveries import delivery_spans
from console.runs.effects import EffectReport
from console.runs.source import RunSource
from console.runs.spans import Span, SpanKind, State
from console.runs.stage_spans import round_spans, stage_spans
from pipeline.store.contract import Moment

#: What the spans show already.
_SHOWN_AS_SPANS = ("registered", "delivered", "released", "finished")
_CALL_STATES: dict[str, State] = {"reserved": "in progress", "released": "failed", "cut": "failed"}


@dataclass(frozen=True)
class Timeline:
    """Spans contain others by their times: a delivery its stages, a stage its steps and calls."""

    start: float
    """When the run was registered, in seconds since the epoch."""
    end: float
    """When it ended; of a run that has not, the newest time that is stored."""
    spans: tuple[Span, ...]
    """By their start; of two with the same start, the outer one first."""
    moments: tuple[Moment, ...]
    """What has no duration: failed tries, waits, requests to cancel, effects. Oldest first."""

    def of_kind(self, *kinds: SpanKind) -> tuple[Span, ...]:
        return tuple(span for span in self.spans if span.kind in kinds)


def read_timeline(
    source: RunSource,
    calls: Sequence[ModelCall],
    steps: Sequence[AgentStep],
    effects: Sequence[EffectReport],
) -> Timeline:
    """Return what is stored about the run's times."""
    deliveries = delivery_spans(source.run, source.history)
    stages = stage_spans(source, deliveries)
    spans = [
        *deliveries,
        *round_spans(source, stages),
        *stages,
        *_step_spans(steps, calls),
        *(_call_span(call) for call in calls),
    ]
    moments = [moment for moment in source.history if moment.what not in _SHOWN_AS_SPANS]
    moments += [_effect_moment(effect) for effect in effects]
    start = source.run.created_at
    end = source.run.finished_at or _newest(start, spans, moments)
    whole = Span("run", "run", start, source.run.finished_at)
    return Timeline(
        start=start,
        end=end,
        spans=(whole, *sorted(spans, key=lambda span: span.order)),
        moments=tuple(sorted(moments, key=lambda moment: moment.at)),
    )


def _step_spans(steps: Sequence[AgentStep], calls: Sequence[ModelCall]) -> list[Span]:
    """Return a span for each step, from asking the model to the end of the reply's tool calls."""
    asked_at: dict[str, float] = {}
    for call in calls:
        asked_at.setdefault(call.name, call.started_at)
    spans: list[Span] = []
    for step in steps:
        record = step.record
        start = asked_at.get(step.call_key, step.stored_at - record.seconds)
        tools = ", ".join(observation.tool for observation in record.observations)
        spans.append(Span("step", step.title, start, step.stored_at, record.round, detail=tools))
    return spans


def _call_span(call: ModelCall) -> Span:
    state = _CALL_STATES.get(call.state, "done")
    name = f"{call.name} attempt {call.attempt}"
    return Span("call", name, call.started_at, call.ended_at, call.round, state, call.model)


def _effect_moment(effect: EffectReport) -> Moment:
    state = "" if effect.is_done else " (intended)"
    return Moment(effect.intended_at, "effect", f"{effect.name}: {effect.summary}{state}")


def _newest(start: float, spans: Sequence[Span], moments: Sequence[Moment]) -> float:
    times = [start, *(moment.at for moment in moments), *(span.start for span in spans)]
    times += [span.end for span in spans if span.end is not None]
    return max(times)
