"""Reports of recorded runs, as a deployment with the default limits reads them."""

from collections.abc import Callable

from console.runs.report import ReportReader, RunReport
from pipeline.budget import EffectiveLimits
from tests.stand_ins.recorded_run import RecordedRun

CEILING = EffectiveLimits(max_cost_usd=3.0, max_minutes=60.0, max_rounds=4)


def read(run: RecordedRun, redact: Callable[[str], str] = lambda text: text) -> RunReport:
    """Return the report of a run's newest generation."""
    return ReportReader(run.store, run.artifacts, redact, CEILING).read(run.row)
