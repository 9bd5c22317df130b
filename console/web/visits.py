"""One request to the console: who asks, and what an answer may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.runs.references import JobReference, UnreadableReference, parse_reference
from console.web.forms import Form
from console.web.rendering import Renderer
from console.web.services import Services
from pipeline.api.keys import Caller
from pipeline.api.problem import Refusal
from pipeline.run_key import RunKey
from pipeline.store.contract import RunRow

#: The field of a form that shows that a page of the visitor's session contained it.
FORM_TOKEN = "form_token"  # noqa: S105 (a name)
#: Maximum characters of a parameter of an address: an issue's address has fewer.
MAX_PARAMETER = 500


@dataclass(frozen=True)
class PageLink:
    name: str
    path: str


#: The console's pages. The first one is for everybody, the others are for operators.
PAGES = (
    PageLink("Runs", "/"),
    PageLink("Queue", "/queue"),
    PageLink("Spend", "/spend"),
    PageLink("Templates", "/templates"),
    PageLink("Dead letters", "/dead-letters"),
)


@dataclass(frozen=True)
class Visit:
    """A request of somebody who may use the console."""

    request: Request
    services: Services
    renderer: Renderer
    caller: Caller
    form_token: str
    """What the page's forms must carry as ``FORM_TOKEN``."""
    needs_key: bool
    """Whether people sign in to this console, and can sign out."""
    form: Form = field(default_factory=lambda: Form([]))
    """The form that was sent; its token has been checked."""

    @property
    def is_operator(self) -> bool:
        """Whether the visitor sees the whole deployment, or only what their own key has sent."""
        return self.caller.limits.operator

    @property
    def owner(self) -> str | None:
        """The sender whose runs are shown; None for all."""
        return None if self.is_operator else self.caller.name

    def is_at(self, path: str) -> bool:
        return bool(self.request.scope["path"] == path)

    def parameter(self, name: str) -> str:
        """Return a parameter of the address, empty if it is not there.

        Raises:
            Refusal: 422 for one that is too long.
        """
        value = self.request.query_params.get(name, "").strip()
        if len(value) > MAX_PARAMETER:
            message = f"{name}: give at most {MAX_PARAMETER} characters"
            raise Refusal(422, "too_long", message)
        return value

    @property
    def pages(self) -> tuple[PageLink, ...]:
        """The pages that the visitor may see."""
        return PAGES if self.is_operator else PAGES[:1]

    def render(self, template: str, **values: Any) -> str:
        """Return the HTML of a page, or of a part of one, made from a template."""
        now = self.services.clock()
        return self.renderer.render(template, visit=self, now=now, **values)

    def page(self, template: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.render(template, **values))

    @property
    def is_part(self) -> bool:
        """Whether the page's script asks for a part of the page again."""
        return self.request.headers.get("hx-request") == "true"

    def check_operator(self) -> None:
        """Refuse a visitor who may only see their own jobs.

        Raises:
            Refusal: 403.
        """
        if not self.is_operator:
            message = (
                f"the key {self.caller.name} sees its own jobs only; this page is for a key with"
                " operator: true in CODING_AGENT_KEY_LIMITS"
            )
            raise Refusal(403, "not_operator", message)

    def check_actions(self) -> None:
        """Refuse a visitor where people may only look.

        Raises:
            Refusal: 403.
        """
        if not self.services.allow_actions:
            message = "this console is read-only; start it with --allow-actions to replay messages"
            raise Refusal(403, "read_only", message)

    def requested_run(self) -> RunRow:
        """Return the run that the address names.

        Raises:
            Refusal: 404, also for a run of somebody else.
        """
        key = _read_key(self.request.path_params)
        run = self.services.store.run(key.job_id, key.generation) if key is not None else None
        if run is None or not self.caller.may_see(run):
            raise Refusal(404, "not_found", "there is no such run in this store")
        return run


def _read_key(parameters: Mapping[str, str]) -> RunKey | None:
    """Return the key in the parameters of an address; None if no run can have it."""
    try:
        reference = parse_reference(f"{parameters['job_id']}/{parameters['generation']}")
    except UnreadableReference:
        return None
    if not isinstance(reference, JobReference) or reference.generation is None:
        return None
    return RunKey(reference.job_id, reference.generation)
