"""The way of a request to its view: the visitor is identified, and a form is checked."""

import inspect
from collections.abc import Awaitable, Callable
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.web.access.authenticator import Authenticator, Visitor
from console.web.access.origins import check_embedding, check_origin
from console.web.forms import Form, read_form
from console.web.visits import FORM_TOKEN, Visit
from pipeline.api.problem import Refusal

#: Answers a visit. One that is no coroutine is run in a thread, since it reads the store.
View = Callable[[Visit], Response | Awaitable[Response]]
Respond = Callable[[Request], Awaitable[Response]]


def unguarded(path: str, respond: Respond, *, method: str = "GET") -> Route:
    """Return a route that needs no session."""

    async def respond_and_name(request: Request) -> Response:
        request.scope["route"] = route  # for the log
        return await respond(request)

    route = Route(path, respond_and_name, methods=[method])
    return route


def guarded(path: str, view: View, *, method: str = "GET") -> Route:
    """Return a route that only people with a session reach, and forms only with their token."""

    async def respond(request: Request) -> Response:
        authenticator: Authenticator = request.app.state.authenticator
        check_embedding(request)
        visitor = authenticator.identify(request)
        request.state.key = visitor.caller.name  # for the log
        form = Form([])
        if request.method == "POST":
            form = await _checked_form(request, authenticator, visitor)
        visit = Visit(
            request=request,
            services=request.app.state.services,
            renderer=request.app.state.renderer,
            caller=visitor.caller,
            form_token=authenticator.sessions.form_token(visitor.session),
            needs_key=authenticator.needs_key,
            form=form,
        )
        response = await _answer(view, visit)
        if visitor.is_new:
            authenticator.set_cookie(request, response, visitor.session)
        return response

    return unguarded(path, respond, method=method)


async def _checked_form(request: Request, authenticator: Authenticator, visitor: Visitor) -> Form:
    """Read a form that was made for the visitor's session.

    Raises:
        Refusal: 403 for any other form; see ``read_form`` for one that can't be read.
    """
    check_origin(request)
    form = await read_form(request)
    if not authenticator.sessions.is_form_token(visitor.session, form.one(FORM_TOKEN)):
        message = "this form is not valid any more: reload the page that it is on"
        raise Refusal(403, "foreign_form", message)
    return form


async def _answer(view: View, visit: Visit) -> Response:
    if inspect.iscoroutinefunction(view):
        return cast(Response, await view(visit))
    return cast(Response, await run_in_threadpool(view, visit))
