"""Middleware: adds a request id, safe headers and one log line to every response, and responds if
the program fails.
"""

import logging
import re
import time
import uuid

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import telemetry
from pipeline.api.problem import Refusal

log = logging.getLogger(__name__)

#: The logged status of a request that got no response.
NOT_ANSWERED = 499
#: The body of a refused request is read to its end, within these bounds: closing a connection with
#: unread data resets it, and the sender would never see the response.
DRAIN_BYTES = 4 * 1024 * 1024
DRAIN_SECONDS = 2.0
_SAFE_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestMiddleware:
    """An ASGI middleware. It sets ``request_id`` in ``scope["state"]``; the routes add ``key``, the
    name of the caller's key.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        exchange = _Exchange(request_id, receive, send)
        began = time.perf_counter()
        with telemetry.bound(request_id=request_id):
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except Exception:
                log.exception("the request could not be answered")
                if exchange.status == NOT_ANSWERED:
                    await _internal_error(request_id)(scope, exchange.receive, exchange.send)
            finally:
                _log_request(scope, exchange.status, time.perf_counter() - began)


class _Exchange:
    """One request and its response."""

    def __init__(self, request_id: str, receive: Receive, send: Send):
        self._request_id = request_id
        self._receive = receive
        self._send = send
        self._body_ended = False
        self.status = NOT_ANSWERED

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_ended = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            is_error = message["status"] >= 400
            if is_error:
                await self._drain()
            self.status = message["status"]
            request_id = (b"x-request-id", self._request_id.encode())
            message["headers"] = [*message["headers"], *_SAFE_HEADERS, request_id]
            if is_error and not self._body_ended:
                message["headers"].append((b"connection", b"close"))
        await self._send(message)

    async def _drain(self) -> None:
        """Read the rest of the body."""
        left = DRAIN_BYTES
        with anyio.move_on_after(DRAIN_SECONDS):
            while not self._body_ended and left > 0:
                message = await self.receive()
                left -= len(message.get("body", b""))


def _request_id(scope: Scope) -> str:
    """Return the caller's request id if it is safe to log, or a new one."""
    header = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return header if _REQUEST_ID.fullmatch(header) else uuid.uuid4().hex


def _internal_error(request_id: str) -> JSONResponse:
    refusal = Refusal(500, "internal", "the service failed; look for this request_id in its log")
    return JSONResponse(refusal.body(request_id), refusal.status)


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    # The route's pattern, never the path itself, which may contain anything.
    path = getattr(scope.get("route"), "path", "-")
    method = scope["method"] if scope["method"].isalpha() else "-"
    key = scope["state"].get("key", "-")
    milliseconds = round(seconds * 1000, 1)
    with telemetry.bound(method=method, path=path, status=status, ms=milliseconds, key=key):
        log.info("%s %s %d", method, path, status)
