"""The spans of a run and its deliveries, described from what is stored."""

from pipeline.outcome import Outcome, RunResult
from pipeline.store.contract import RunRow
from pipeline.telemetry import names
from pipeline.telemetry.spans import Attributes, RunSpan


def delivery_attributes(row: RunRow) -> Attributes:
    return {**_identity(row), names.DELIVERY_NUMBER: row.deliveries}


def run_span(row: RunRow, result: RunResult, ended: float) -> RunSpan:
    """Describe the whole run.

    Args:
        row: the run as it was before its end.
        result: how it ended.
        ended: when, in seconds since the epoch.
    """
    attributes = {
        **_identity(row),
        names.OUTCOME: result.outcome.value,
        names.COST_USD: result.cost_usd,
        names.ROUND_NUMBER: result.rounds,
        names.DELIVERY_NUMBER: row.deliveries,
    }
    if result.verification is not None:
        attributes[names.VERIFICATION] = result.verification.value
    has_failed = result.outcome is Outcome.FAILED
    return RunSpan(
        trace=row.trace,
        began=row.created_at,
        ended=ended,
        attributes=attributes,
        error_type=Outcome.FAILED.value if has_failed else None,
    )


def _identity(row: RunRow) -> dict[str, str | int | float]:
    return {
        names.JOB_ID: row.job_id,
        names.GENERATION: row.generation,
        names.REPOSITORY: row.repository,
        names.TRACE: row.key.trace,
    }
