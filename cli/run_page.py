"""How the page of a run is made at its end."""

from console.page.rendering import render_page
from console.runs.report import ReportReader
from pipeline.artifacts import Artifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.run_page import MakePage
from pipeline.settings import Settings, secret_values
from pipeline.store.contract import RunRow
from pipeline.store.store import RunStore
from pipeline.telemetry import Redactor


def page_maker(
    store: RunStore, artifacts: Artifacts, ceiling: EffectiveLimits, settings: Settings
) -> MakePage:
    """Return a function that makes the page of a run from what is stored.

    Args:
        store: has the run.
        artifacts: has its texts.
        ceiling: the most that the deployment allows a run.
        settings: their secrets are left out of the page.
    """
    reader = ReportReader(store, artifacts, Redactor(secret_values(settings)), ceiling)

    def make_page(run: RunRow) -> bytes:
        return render_page(reader.read(run))

    return make_page
