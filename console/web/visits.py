"""One request to the console: who asks, and what an answer may use."""

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.web.forms import Form
from console.web.rendering import Renderer
from console.web.services import Services
from pipeline.api.keys import Caller
from pipeline.api.problem import Refusal
from pipeline.store.contract import RunRow

#: The field of a form that shows that a page of the visitor's session contained it.
FORM_TOKEN = "form_token"  # noqa: S105 (a name)


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
        return self.request.url.path == path

    def parameter(self, name: str) -> str:
        """Return a parameter of the address, empty if it is not there."""
        return self.request.query_params.get(name, "").strip()

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

    def visible_run(self, job_id: str, generation: int | None) -> RunRow:
        """Return a run that the visitor may see, by default the job's newest.

        Raises:
            Refusal: 404, also for a run of somebody else.
        """
        run = self.services.store.run(job_id, generation)
        if run is None or not self.caller.may_see(run):
            raise Refusal(404, "not_found", "there is no such run in this store")
        return run
