"""Signing in with a key, and signing out."""

import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.web.access.authenticator import Authenticator, check_transport
from console.web.access.origins import check_origin
from console.web.forms import read_form
from console.web.rendering import Renderer
from console.web.visits import Visit
from pipeline.api.problem import Refusal

#: A browser takes two slashes, or a backslash, for the beginning of a host's name.
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._:/%~-]{0,500}")


async def show_form(request: Request) -> Response:
    authenticator: Authenticator = request.app.state.authenticator
    if not authenticator.needs_key:
        return RedirectResponse("/", 303)
    return _form(request, 200, "", _own_path(request.query_params.get("next", "")))


async def sign_in(request: Request) -> Response:
    """Exchange a key for a session."""
    authenticator: Authenticator = request.app.state.authenticator
    check_origin(request)
    check_transport(request)
    form = await read_form(request)
    next_path = _own_path(form.one("next"))
    address = request.client.host if request.client else "-"
    try:
        session = authenticator.sign_in(form.one("key").strip(), address)
    except Refusal as refusal:
        response = _form(request, refusal.status, refusal.message, next_path)
        response.headers.update(refusal.headers)
        return response
    answer = RedirectResponse(next_path, 303)
    authenticator.set_cookie(request, answer, session)
    return answer


def sign_out(visit: Visit) -> Response:
    """End the visitor's session."""
    authenticator: Authenticator = visit.request.app.state.authenticator
    authenticator.end_session(visit.request)
    response = RedirectResponse("/sign-in", 303)
    authenticator.delete_cookie(visit.request, response)
    return response


def _form(request: Request, status: int, problem: str, next_path: str) -> HTMLResponse:
    renderer: Renderer = request.app.state.renderer
    html = renderer.render("sign_in", problem=problem, next_path=next_path)
    return HTMLResponse(html, status)


def _own_path(text: str) -> str:
    """Return the path of a page of the console; that of the first one for any other text."""
    return text if _PATH.fullmatch(text) else "/"
