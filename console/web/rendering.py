"""Making the console's pages from its templates, in the look that all pages share."""

from typing import Any

from console.html.rendering import make_environment
from console.runs.phrases import age
from pipeline.telemetry.redaction import Redactor


class Renderer:
    """The console's templates, and those of a run's page: every text is redacted, made visible and
    escaped.
    """

    def __init__(self, redact: Redactor):
        self._environment = make_environment("console.web", "console.page", redact=redact)
        self._environment.filters["age"] = age
        self._environment.filters["words"] = words

    def render(self, template: str, **values: Any) -> str:
        """Return a page, or a part of one. ``.html.j2`` is added to the template's name."""
        return self._environment.get_template(f"{template}.html.j2").render(**values)


def words(name: str) -> str:
    """Return a name as people read it: ``no fix`` for ``no_fix``."""
    return name.replace("_", " ")
