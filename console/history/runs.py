"""Read the history's runs from a store."""

from collections.abc import Iterator

from console.history.records import RunRecord
from pipeline.clock import iso_time
from pipeline.money import to_usd
from pipeline.outcome import RunResult
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader
from prompts.filters import one_line

#: Columns that are fields of the run's result, which it has once it has ended.
_OF_RESULT = {
    "verification",
    "pull_request_number",
    "pull_request_url",
    "branch",
    "base_sha",
    "model",
    "strategy",
    "template_set",
    "rounds",
    "cost_usd",
}


def run_record(row: RunRow) -> RunRecord:
    """Return a run's row. A run that has not ended has no values that only its result knows."""
    reason = row.reason or row.last_error
    record = RunRecord(
        run=row.key.prefix,
        job_id=row.job_id,
        generation=row.generation,
        type=row.job_type,
        repository=row.repository,
        issue_number=row.subject.number,
        issue_url=row.issue_url,
        owner=row.owner,
        state=row.state,
        outcome=row.outcome,
        reason=one_line(reason) if reason else None,
        rounds=_rounds_so_far(row),
        deliveries=row.deliveries,
        crashes=row.crashes,
        tries=row.tries,
        cost_usd=to_usd(row.micro_usd),
        seconds=row.seconds,
        created_at=iso_time(row.created_at),
        finished_at=iso_time(row.finished_at) if row.finished_at is not None else None,
        trace=row.key.trace,
    )
    result = stored_result(row)
    if result is None:
        return record
    return record.model_copy(update=result.model_dump(mode="json", include=_OF_RESULT))


def _rounds_so_far(row: RunRow) -> int:
    """Return the rounds of a run that has not ended. The first one has begun when money is
    reserved for a call: until then the row counts it already.
    """
    return row.round if row.round > 1 or row.micro_usd > 0 else 0


def stored_result(row: RunRow) -> RunResult | None:
    """Return a run's result, without fields that only a newer version knows; None if the run has
    not ended.
    """
    if row.result is None:
        return None
    return RunResult.model_validate_json(row.result, extra="ignore")


def each_run_record(store: StoreReader, *, since: float | None = None) -> Iterator[RunRecord]:
    """Iterate over the runs created since a time (seconds since the epoch), newest first."""
    for row in store.each_run(since=since):
        yield run_record(row)
