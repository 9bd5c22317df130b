"""Make the page of a run: the same bytes for the same report."""

from functools import cache

from jinja2 import Template

from console.html.fitting import render_to_fit
from console.html.rendering import make_environment
from console.page.view import PageView, TextLimits, make_view
from console.runs.report import RunReport

#: How a page says at its beginning that it is one.
GENERATOR = "coding-agent, page of a run"
LIMITS = TextLimits(
    log=20_000, prompt=40_000, step=6_000, file=6_000, patch_rows=1_200, patch_line=2_000
)
_TEMPLATE = "run.html.j2"


def render_page(report: RunReport) -> bytes:
    """Return the page as UTF-8. It holds no time but the run's own, so that it can be made again.

    Long texts are cut in the middle, further if the page would be too large.
    """
    return render_to_fit(lambda divisor: _render(make_view(report, LIMITS.divided(divisor))))


def _render(view: PageView) -> str:
    return _template().render(view=view, generator=GENERATOR)


@cache
def _template() -> Template:
    # The report's texts are without secrets already.
    environment = make_environment("console.page", redact=str)
    return environment.get_template(_TEMPLATE)
