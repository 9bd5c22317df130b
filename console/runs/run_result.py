"""How a run ended, as it is stored with the run."""

from pipeline.outcome import RunResult
from pipeline.store.contract import RunRow


def parse_result(run: RunRow) -> RunResult | None:
    """Return how a run ended; None if it has not ended, or if another version stored it."""
    if run.result is None:
        return None
    try:
        return RunResult.model_validate_json(run.result)
    except ValueError:
        return None
