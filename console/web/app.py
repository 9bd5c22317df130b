"""The console's web application: its pages and where they are."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from console.web import errors, sign_in
from console.web.access.authenticator import Authenticator
from console.web.access.headers import HeadersMiddleware
from console.web.rendering import Renderer
from console.web.routing import guarded, unguarded
from console.web.services import Services
from console.web.views import (
    artifacts,
    dead_letters,
    queue,
    run_page,
    running,
    runs_list,
    search,
    spend,
    template_sets,
)
from pipeline.api.middleware import RequestMiddleware

STATIC = Path(__file__).with_name("static")


def create_app(services: Services, authenticator: Authenticator) -> Starlette:
    """Create the application. Each page, except the one to sign in, identifies its visitor."""
    app = Starlette(
        routes=[
            guarded("/", runs_list.show),
            guarded("/running", running.show),
            guarded("/search", search.show),
            guarded("/runs/{job_id}/{generation}", run_page.show),
            guarded("/runs/{job_id}/{generation}/progress", run_page.show_progress),
            guarded("/runs/{job_id}/{generation}/artifacts/{key:path}", artifacts.download),
            guarded("/queue", queue.show),
            guarded("/spend", spend.show),
            guarded("/templates", template_sets.show),
            guarded("/templates/diff", template_sets.show_difference),
            guarded("/dead-letters", dead_letters.show),
            guarded("/dead-letters/plan", dead_letters.plan, method="POST"),
            guarded("/dead-letters/replay", dead_letters.replay, method="POST"),
            guarded("/sign-out", sign_in.sign_out, method="POST"),
            unguarded("/sign-in", sign_in.show_form),
            unguarded("/sign-in", sign_in.sign_in, method="POST"),
            Mount("/static", StaticFiles(directory=STATIC, packages=[("console.html", "static")])),
        ],
        middleware=[Middleware(HeadersMiddleware), Middleware(RequestMiddleware)],
        exception_handlers=dict(errors.handlers()),
    )
    app.state.services = services
    app.state.authenticator = authenticator
    app.state.renderer = Renderer(services.redact)
    return app
