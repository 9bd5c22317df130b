"""What happened in a run, in chronological order and in the words of the store."""

import json
from collections.abc import Iterator

from console.runs.source import RunSource
from pipeline.money import to_usd
from pipeline.store.contract import Moment


def read_chronology(source: RunSource) -> list[Moment]:
    """Return deliveries, stages, model calls and effects, oldest first."""
    moments = [
        *source.history,
        *_stages(source),
        *_calls(source),
        *_effects(source),
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _stages(source: RunSource) -> Iterator[Moment]:
    for checkpoint in source.stage_results:
        place = f"{checkpoint.stage}, round {checkpoint.round}"
        detail = f"{place}, {checkpoint.seconds:.2f} s"
        yield Moment(checkpoint.created_at, "stage", detail)


def _calls(source: RunSource) -> Iterator[Moment]:
    for call in source.calls:
        usd = f"${to_usd(call.micro_usd):.6f}"
        name = f"{call.key} attempt {call.attempt}"
        detail = f"{name}: {call.state} {usd} {call.model}"
        yield Moment(call.created_at, "model call", detail)


def _effects(source: RunSource) -> Iterator[Moment]:
    for effect in source.effects:
        state = "intended"
        if effect.result:
            state = f"done {json.dumps(effect.result)}"
        yield Moment(effect.created_at, "effect", f"{effect.name}: {state}")
