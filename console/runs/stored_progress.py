"""What a run has stored, as the reports of progress that its own process makes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from console.runs.agent_steps import AgentStep, read_steps
from console.runs.deliveries import delivery_spans
from console.runs.rounds import summarize
from console.runs.source import RunSource
from console.runs.stage_spans import stage_spans
from pipeline.engine.deps import Progress, ProgressKind
from pipeline.money import to_usd
from pipeline.outcome import Outcome
from pipeline.store.contract import RunRow
from prompts.filters import clip, one_line
from stages.propose_patch.results import STAGE as PROPOSE_PATCH

#: Stands for the stage of a run that no worker has at present.
QUEUE = "queue"
#: Entries of a run's history that are reported.
_REPORTED = ("waits", "try failed", "cancel requested", "dead-lettered")
#: Outcomes that interrupt a stage: it has not finished.
_INTERRUPTED = (Outcome.FAILED, Outcome.CANCELLED, Outcome.BUDGET_EXHAUSTED)
_MAX_CALL = 120
"""Characters."""


@dataclass(frozen=True)
class DatedProgress:
    """A report with the time of what it reports, in seconds since the epoch."""

    at: float
    progress: Progress


def read_past(source: RunSource) -> list[DatedProgress]:
    """Return what has happened, oldest first. What was returned once stays the same later."""
    reports = [
        *_ended_stages(source),
        *_steps(source.run, read_steps(source)),
        *_history(source),
    ]
    return sorted(reports, key=lambda report: report.at)


def read_present(source: RunSource) -> DatedProgress:
    """Return the start of what the run does now; of a run that has ended, the end."""
    run = source.run
    if run.state == "finished":
        ended = _report(run, "ended", "", run.round, run.seconds, run.reason or "")
        return DatedProgress(run.finished_at or run.created_at, ended)
    deliveries = delivery_spans(run, source.history)
    for span in stage_spans(source, deliveries):
        if span.state == "in progress":
            started = _report(run, "started", span.name, run.round)
            return DatedProgress(span.start, started)
    since = deliveries[-1].start if deliveries else run.created_at
    return DatedProgress(since, _report(run, "started", QUEUE, run.round))


def read_status(source: RunSource) -> Progress:
    """Return the agent's newest step, and the money so far."""
    run = source.run
    spent = to_usd(sum(call.micro_usd for call in source.calls))
    steps = read_steps(source)
    text = f"${spent:.2f}"
    if steps:
        text = f"step {steps[-1].record.number}, {text}"
    return _report(run, "status", "", run.round, detail=text)


def _ended_stages(source: RunSource) -> Iterator[DatedProgress]:
    reasons = {opened.number - 1: summarize(opened) for opened in source.rounds}
    for span in stage_spans(source, delivery_spans(source.run, source.history)):
        if span.end is None or span.round is None:
            continue
        kind: ProgressKind = "finished"
        detail = ""
        if span.state == "sent back":
            kind = "back"
            detail = reasons.get(span.round, "")
        elif span.state == "ended the run":
            if source.run.outcome in _INTERRUPTED:
                continue
            detail = source.run.outcome or ""
        seconds = span.seconds or 0.0
        report = _report(source.run, kind, span.name, span.round, seconds, detail)
        yield DatedProgress(span.end, report)


def _steps(run: RunRow, steps: Sequence[AgentStep]) -> Iterator[DatedProgress]:
    """Yield a report for each call of each step."""
    for step in steps:
        record = step.record
        for observation in record.observations:
            call = clip(one_line(observation.call), _MAX_CALL)
            detail = f"step {record.number}: {call}"
            report = _report(run, "note", PROPOSE_PATCH, record.round, detail=detail)
            yield DatedProgress(step.stored_at, report)


def _history(source: RunSource) -> Iterator[DatedProgress]:
    for moment in source.history:
        if moment.what in _REPORTED:
            detail = f"{moment.what}: {moment.detail}" if moment.detail else moment.what
            number = _round_at(source, moment.at)
            report = _report(source.run, "note", QUEUE, number, detail=detail)
            yield DatedProgress(moment.at, report)


def _round_at(source: RunSource, at: float) -> int:
    """Return the number of the round in which something happened."""
    return 1 + sum(opened.created_at <= at for opened in source.rounds)


def _report(
    run: RunRow,
    kind: ProgressKind,
    stage: str,
    round: int,
    seconds: float = 0.0,
    detail: str = "",
) -> Progress:
    return Progress(kind, run.job_id, run.generation, round, stage, seconds, detail)
