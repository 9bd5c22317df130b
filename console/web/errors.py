"""Errors as pages, and what is told of an error of the store or of AWS."""

import sqlite3
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.web.access.authenticator import SignInNeeded
from console.web.rendering import Renderer
from pipeline.api.problem import Refusal
from pipeline.errors import describe

Handler = Callable[[Request, Exception], Awaitable[Response]]


def handlers() -> dict[type[Exception], Handler]:
    """Return what responds to each error that is no defect."""
    return {
        SignInNeeded: _ask_to_sign_in,
        Refusal: _show_refusal,
        HTTPException: _show_http_error,
        sqlite3.Error: _show_store_error,
        **dict.fromkeys(_aws_errors(), _show_aws_error),
    }


def _aws_errors() -> tuple[type[Exception], ...]:
    """Return botocore's errors; none if it is not installed."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return ()
    return (BotoCoreError, ClientError)


async def _ask_to_sign_in(request: Request, _error: Exception) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    # The path names the page; what is searched or filtered for stays out of a further address.
    path = request.scope["path"] if request.method == "GET" else "/"
    return RedirectResponse(f"/sign-in?{urlencode({'next': path})}", 303)


async def _show_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 (registered for it)
    renderer: Renderer = request.app.state.renderer
    html = renderer.render("error", status=error.status, message=error.message)
    return HTMLResponse(html, error.status, error.headers)


async def _show_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    headers = dict(error.headers or {})
    message = "there is no such page" if error.status_code == 404 else error.detail
    refusal = Refusal(error.status_code, "refused", message, headers=headers)
    return await _show_refusal(request, refusal)


async def _show_store_error(request: Request, error: Exception) -> Response:
    message = f"the store can't be read now: {describe(error)}"
    return await _show_refusal(request, Refusal(503, "store", message))


async def _show_aws_error(request: Request, error: Exception) -> Response:
    message = f"AWS refused, or can't be reached: {describe(error)}"
    return await _show_refusal(request, Refusal(503, "aws", message))
