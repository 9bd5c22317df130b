"""The wire in front of the stand-in: it logs requests, and loses or refuses them on demand."""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import HTMLResponse, JSONResponse

from pipeline.github.client import USER_AGENT

#: ASGI's own types (https://asgi.readthedocs.io/en/latest/specs/main.html).
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Logged:
    method: str
    path: str
    """With its query string."""
    status: int | None
    """None if the connection was cut without a response."""


@dataclass(frozen=True)
class Incoming:
    """A request before it is answered."""

    method: str
    path: str
    """As it was sent: encoded."""
    query: str
    secret: str
    """The token in its credentials; empty without any."""
    is_ours: bool
    """Whether the product's own client sent it, as its User-Agent says."""
    body: bytes


def _do_nothing() -> None:
    pass


@dataclass(frozen=True)
class Failure:
    """How a request fails."""

    status: int | None = 500
    """None: the connection is cut before a byte of the response."""
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "Server Error"
    after_effect: bool = False
    """Whether the request takes effect first, and then loses its response."""
    silence: float = 0.0
    """Seconds for which the client waits in vain."""
    act: Callable[[], object] = _do_nothing
    """Called when the effect, if any, has happened."""
    is_page: bool = False
    """Whether the response is an HTML page, as a gateway sends it, instead of JSON."""


@dataclass
class Planned:
    """A failure of the next requests whose method and path (a regex, searched) match."""

    method: str
    path: re.Pattern[str]
    failure: Failure
    times: int

    def matches(self, incoming: Incoming) -> bool:
        if self.times <= 0 or self.method != incoming.method:
            return False
        return self.path.search(incoming.path) is not None


#: Returns how a request fails; None if it is answered.
Strike = Callable[[Incoming], Failure | None]


class Wire:
    """ASGI around the application."""

    def __init__(self, app: App):
        self._app = app
        self.requests: list[Logged] = []
        self.planned: list[Planned] = []
        self.strike: Strike | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming, receive_again = await read_incoming(scope, receive)
        path = incoming.path + (f"?{incoming.query}" if incoming.query else "")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.requests.append(Logged(incoming.method, path, message["status"]))
            await send(message)

        failure = self._choose(incoming)
        if failure is None:
            await self._app(scope, receive_again, answer)
            return
        if failure.after_effect:
            await self._app(scope, receive_again, _nowhere)
        failure.act()
        self.requests.append(Logged(incoming.method, path, failure.status))
        await asyncio.sleep(failure.silence)
        await _fail(failure, scope, receive, send)

    def _choose(self, incoming: Incoming) -> Failure | None:
        for planned in self.planned:
            if planned.matches(incoming):
                planned.times -= 1
                return planned.failure
        return self.strike(incoming) if self.strike is not None else None


async def read_incoming(scope: Scope, receive: Receive) -> tuple[Incoming, Receive]:
    """Return a request with its whole body, and what the application receives in its place."""
    incoming = _incoming(scope, await _read_body(receive))
    messages: list[Message] = [{"type": "http.request", "body": incoming.body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return incoming, receive_again


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body += part
        if not message.get("more_body"):
            return body


def _incoming(scope: Scope, body: bytes) -> Incoming:
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    return Incoming(
        method=scope["method"],
        path=scope["raw_path"].decode(),
        query=scope["query_string"].decode(),
        secret=_secret(headers.get("authorization", "")),
        is_ours=headers.get("user-agent") == USER_AGENT,
        body=body,
    )


def _secret(authorization: str) -> str:
    """Return the token of ``Bearer TOKEN``, ``token TOKEN``, or git's basic authentication."""
    kind, _, value = authorization.partition(" ")
    if kind != "Basic":
        return value
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _nowhere(message: Message) -> None:
    """Make the connection lose a reply."""


async def _fail(failure: Failure, scope: Scope, receive: Receive, send: Send) -> None:
    if failure.status is None:
        await _cut(receive)
        return
    if failure.is_page:
        page = f"<html><body><h1>{failure.message}</h1></body></html>"
        await HTMLResponse(page, failure.status, dict(failure.headers))(scope, receive, send)
        return
    body = {
        "message": failure.message,
        "documentation_url": "https://docs.github.com/rest",
        "status": str(failure.status),
    }
    response = JSONResponse(body, failure.status, dict(failure.headers))
    await response(scope, receive, send)


async def _cut(receive: Receive) -> None:
    """Close the connection before a byte of the response, for which ASGI has no message.

    Curl repeats a request whose kept-alive connection ends like this.
    """
    receive.__self__.transport.close()  # type: ignore[attr-defined]  # uvicorn's cycle
    while (await receive())["type"] != "http.disconnect":
        pass
