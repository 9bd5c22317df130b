"""What a run publishes: its facts, its result and its two events."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError

from pipeline.clock import iso_time
from pipeline.engine.deps import EngineDeps
from pipeline.engine.progress_comment import ProgressComment, show_end
from pipeline.engine.run_page import MakePage, add_page
from pipeline.engine.run_spans import run_span
from pipeline.errors import describe
from pipeline.job import Job
from pipeline.leased_run import (
    OFFLOAD_BYTES,
    STATED_FACTS,
    LeasedRun,
    fingerprint,
    replace_surrogates,
)
from pipeline.money import to_usd
from pipeline.outcome import Event, Facts, RunResult, RunStarted
from pipeline.stage import HasFacts, RoundNote, Stop
from pipeline.store.contract import Call, Checkpoint, RunRow
from pipeline.telemetry.spans import Tracer

log = logging.getLogger(__name__)

#: The type of each stage's result, by the stage's name.
ResultTypes = Mapping[str, type[BaseModel]]


@dataclass(frozen=True)
class Ending:
    """The delivery's part of a run's result; the rest is in the store."""

    stop: Stop
    seconds: float = 0.0
    """Seconds of work that are not stored yet."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The job's metadata, which the event returns."""
    job: Job | None = None
    """None if the message was not a valid job."""


async def announce_start(deps: EngineDeps, run: LeasedRun, row: RunRow, job: Job) -> None:
    """Put ``run.started`` into the outbox. Idempotent."""
    facts = await collect_facts(deps.pipeline_of(job).result_types, run)
    started = RunStarted(
        job_id=run.key.job_id,
        generation=run.key.generation,
        issue_url=row.issue_url,
        repository=row.repository,
        base_sha=facts.base_sha,
        metadata=job.metadata,
        trace=run.key.trace,
    )
    time = iso_time(run.now(), "milliseconds")
    event = Event.about(started, time, deps.tracer.traceparent(row.trace))
    await run.announce(event, deps.policy.topic_of(job))


async def finish(
    run: LeasedRun,
    ending: Ending,
    *,
    result_types: ResultTypes,
    topic_of: Callable[[Job | None], str | None],
    tracer: Tracer,
    make_page: MakePage | None,
    progress_comment: ProgressComment | None,
) -> RunResult:
    """Store the run's outcome, and put ``run.finished`` into the outbox.

    Args:
        run: the run, whose lease this delivery holds.
        ending: how it ends.
        result_types: the type of each stage's result.
        topic_of: returns the topic for a job's events.
        tracer: records the span of the run.
        make_page: makes the run's page; None for no page.
        progress_comment: says on GitHub how the run ended; None for no comment.
    """
    row = await run.row()
    facts = await collect_facts(result_types, run)
    facts = facts.merged(ending.stop.facts)
    result = _result(run, row, await run.calls(), facts, ending)
    now = run.now()
    if make_page is not None:
        result = await add_page(run, row, result, now, make_page)
    # Before the end is stored: a run that has ended is not delivered again.
    await show_end(progress_comment, run, ending.job, result)
    traceparent = tracer.traceparent(row.trace)
    event = Event.about(result, iso_time(now, "milliseconds"), traceparent)
    if len(event.model_dump_json().encode()) > OFFLOAD_BYTES:
        address = await _save_result(run, result)
        result = result.pointing_to(address)
        event = event.model_copy(update={"data": result, "dataref": address})
    await run.finish(result, event, topic_of(ending.job))
    tracer.record_run(run_span(row, result, run.now()))
    return result


async def collect_facts(result_types: ResultTypes, run: LeasedRun) -> Facts:
    """Merge the facts that stages stated, and those of all stored results and rounds' notes; later
    ones override earlier ones.
    """
    checkpoints = await run.checkpoints()
    rounds = {opened.number: opened for opened in await run.rounds()}
    numbers = {checkpoint.round for checkpoint in checkpoints} | set(rounds)
    facts = Facts()
    for number in sorted(numbers):
        if number in rounds:
            note = RoundNote.model_validate(rounds[number].note)
            facts = facts.merged(note.facts)
        for checkpoint in checkpoints:
            if checkpoint.round != number:
                continue
            kind = result_types.get(checkpoint.stage)
            later = await _facts_of(run, checkpoint, kind)
            facts = facts.merged(later)
    return facts


async def _facts_of(run: LeasedRun, checkpoint: Checkpoint, kind: type[BaseModel] | None) -> Facts:
    """Return a result's facts, or those that a stage stated; empty if they can't be read, so that
    the run can still end.
    """
    try:
        if checkpoint.stage.startswith(STATED_FACTS):
            return await run.read_result(checkpoint, Facts)
        if kind is None or not issubclass(kind, HasFacts):
            return Facts()
        result = await run.read_result(checkpoint, kind)
    except (ValidationError, FileNotFoundError) as error:
        log.warning("the result of %s can't be read: %s", checkpoint.stage, describe(error))
        return Facts()
    return result.facts()


def _result(
    run: LeasedRun, row: RunRow, calls: Sequence[Call], facts: Facts, ending: Ending
) -> RunResult:
    spent = sum(call.micro_usd for call in calls)
    artifacts: dict[str, str] = {}
    for name, key in facts.artifacts.items():
        artifacts[name] = run.artifact_address(key)
    return RunResult(
        job_id=row.job_id,
        generation=row.generation,
        issue_url=row.issue_url,
        repository=row.repository,
        outcome=ending.stop.outcome,
        reason=" ".join(replace_surrogates(ending.stop.reason).split()),
        verification=facts.verification,
        pull_request_url=facts.pull_request_url,
        pull_request_number=facts.pull_request_number,
        branch=facts.branch,
        base_sha=facts.base_sha,
        rounds=row.round if calls else 0,
        cost_usd=to_usd(spent),
        seconds=round(row.seconds + ending.seconds, 3),
        model=_main_model(calls),
        strategy=facts.strategy,
        template_set=facts.template_set,
        metadata=ending.metadata,
        templates=facts.templates,
        artifacts=artifacts,
        trace=row.key.trace,
    )


def _main_model(calls: Sequence[Call]) -> str | None:
    """Return the model that most money was spent on, and of models without a price the one with the
    most calls; None if no call was charged.
    """
    spent: Counter[str] = Counter()
    made: Counter[str] = Counter()
    for call in calls:
        if call.state != "released":
            spent[call.model] += call.micro_usd
            made[call.model] += 1
    return max(made, key=lambda model: (spent[model], made[model]), default=None)


async def _save_result(run: LeasedRun, result: RunResult) -> str:
    """Store a result that is too large for SNS as an artifact, and return its address."""
    data = result.model_dump_json().encode()
    key = f"{run.key.prefix}/result-{fingerprint(data)}.json"
    await run.put_artifact(key, data)
    return run.artifact_address(key)
