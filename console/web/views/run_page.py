"""A run's page inside the console: what the run's own page shows, live while it is at work."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import HTMLResponse, Response

from console.html.fitting import render_to_fit
from console.page.rendering import LIMITS
from console.page.view import PageView, make_view
from console.runs.report import ReportReader
from console.web.views.run_lines import run_address
from console.web.views.running import RunningLine, read_running_lines
from console.web.visits import Visit
from pipeline.store.contract import RunRow


@dataclass(frozen=True)
class Download:
    name: str
    address: str


def show(visit: Visit) -> Response:
    run = visit.requested_run()
    services = visit.services
    reader = ReportReader(services.store, services.artifacts, services.redact, services.ceiling)
    report = reader.read(run)
    running_line = _running_line(visit, run)

    def render(divisor: int) -> str:
        view = make_view(report, LIMITS.divided(divisor))
        return visit.render(
            "run_page",
            view=view,
            running_line=running_line,
            progress_address=f"{run_address(run)}/progress",
            downloads=tuple(_downloads(run, view)),
        )

    return HTMLResponse(render_to_fit(render))


def show_progress(visit: Visit) -> Response:
    """Answer the page's script: how far the run is. Once it has ended, the page is loaded again."""
    run = visit.requested_run()
    running_line = _running_line(visit, run)
    if running_line is None:
        return HTMLResponse("", headers={"HX-Refresh": "true"})
    return visit.page(
        "run_progress",
        running_line=running_line,
        progress_address=f"{run_address(run)}/progress",
    )


def _running_line(visit: Visit, run: RunRow) -> RunningLine | None:
    """Return how far the run is; None if it is not at work."""
    if run.state != "running":
        return None
    (running_line,) = read_running_lines(visit.services.store, [run])
    return running_line


def _downloads(run: RunRow, view: PageView) -> Iterator[Download]:
    for name, key in view.artifacts:
        rest = key.removeprefix(f"{run.key.prefix}/")
        yield Download(name, f"{run_address(run)}/artifacts/{rest}")
