"""The stages and rounds of a run as spans."""

from collections.abc import Sequence

from console.runs.source import RunSource, stage_without_result
from console.runs.spans import Span, State
from pipeline.store.contract import Checkpoint, Round
from stages.order import ORDERS


def stage_spans(source: RunSource, deliveries: Sequence[Span]) -> list[Span]:
    """Return a span for each stage that stored a result, and for the one of each round that did
    not: it sent the run back, ended it, or is at work.
    """
    results = source.stage_results
    spans = [_stored(checkpoint) for checkpoint in results]
    names = ORDERS[source.run.job_type].names
    opened_at = names[0]
    for following in source.rounds:
        name = stage_without_result(names, results, following.number - 1, opened_at)
        if name is not None and following.created_at:
            spans.append(_sent_back(name, following))
        opened_at = following.to
    last = _unfinished(source, deliveries, opened_at)
    return spans if last is None else [*spans, last]


def round_spans(source: RunSource, stages: Sequence[Span]) -> list[Span]:
    """Return a span for each round, from the start of its first stage to the end of its last."""
    spans: list[Span] = []
    for number in range(1, source.run.round + 1):
        of_round = [span for span in stages if span.round == number]
        if not of_round:
            continue
        ends = [span.end for span in of_round]
        known = [end for end in ends if end is not None]
        is_open = None in ends
        spans.append(
            Span(
                "round",
                f"round {number}",
                min(span.start for span in of_round),
                None if is_open else max(known),
                number,
                state=of_round[-1].state,
            )
        )
    return spans


def _stored(checkpoint: Checkpoint) -> Span:
    start = checkpoint.created_at - checkpoint.seconds
    return Span("stage", checkpoint.stage, start, checkpoint.created_at, checkpoint.round)


def _sent_back(name: str, following: Round) -> Span:
    start = following.created_at - following.seconds
    number = following.number - 1
    return Span("stage", name, start, following.created_at, number, "sent back")


def _unfinished(source: RunSource, deliveries: Sequence[Span], opened_at: str) -> Span | None:
    """Return the span of the stage in which the run ended, or that is at work."""
    run = source.run
    has_worked = [span for span in deliveries if span.kind == "delivery"]
    if not has_worked:
        return None
    names = ORDERS[run.job_type].names
    name = stage_without_result(names, source.stage_results, run.round, opened_at)
    if name is None:
        return None
    times = [checkpoint.created_at for checkpoint in source.stage_results]
    times += [opened.created_at for opened in source.rounds]
    start = max([has_worked[-1].start, *times])
    if run.finished_at is not None:
        state: State = "ended the run"
        return Span("stage", name, min(start, run.finished_at), run.finished_at, run.round, state)
    if has_worked[-1].end is not None:
        return None
    return Span("stage", name, start, None, run.round, "in progress")
