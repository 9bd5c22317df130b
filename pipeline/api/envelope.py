"""What every answer has: a request id, safe headers, one log line; and an answer where the program
failed.
"""

import asyncio
import contextlib
import logging
import re
import time
import uuid
from typing import TYPE_CHECKING

from pipeline import telemetry
from pipeline.api.answers import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

NOT_ANSWERED = 499
#: A refused body is read to its end, within these bounds: closing on unread data resets the
#: connection, and its sender would never read why.
DRAIN_BYTES = 4 * 1024 * 1024
DRAIN_SECONDS = 2.0
_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class Envelope:
    """An ASGI middleware. ``scope["state"]`` gets ``request_id``; the routes add ``key``, the
    caller's name.
    """

    def __init__(self, app: "ASGIApp"):
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = NOT_ANSWERED
        read = False
        began = time.perf_counter()

        async def take() -> "Message":
            nonlocal read
            message = await receive()
            read = not message.get("more_body", False)
            return message

        async def drain() -> None:
            left = DRAIN_BYTES
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    while not read and left > 0:
                        left -= len((await take()).get("body", b""))

        async def tell(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if message["status"] >= 400:
                    await drain()
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *_HEADERS,
                    (b"x-request-id", request_id.encode()),
                ]
                if not read and message["status"] >= 400:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        with telemetry.bound(request_id=request_id):
            try:
                await self._app(scope, take, tell)
            except Exception:
                log.exception("the request could not be answered")
                if status == NOT_ANSWERED:
                    failed = Refusal(
                        500, "internal", "the service failed; its log knows this request_id"
                    )
                    await failed.response(request_id)(scope, take, tell)
            finally:
                path = getattr(
                    scope.get("route"), "path", "-"
                )  # never the address itself: anything may stand there
                fields: dict[str, str | float] = {
                    "method": scope["method"] if scope["method"].isalpha() else "-",
                    "path": path,
                    "status": status,
                    "ms": round((time.perf_counter() - began) * 1000, 1),
                    "key": scope["state"].get("key", "-"),
                }
                with telemetry.bound(**fields):
                    log.info("%s %s %d", fields["method"], path, status)
