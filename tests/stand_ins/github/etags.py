"""Conditional requests: an answer that the client has already gets the status 304 and no body.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import hashlib

from tests.stand_ins.github.wire import App, Message, Receive, Scope, Send

_API = "/api/v3"
_ABSENT = (b"content-length", b"content-type", b"link")
"""Headers that a 304 does not have. GitHub's may lack the links to other pages, too."""


class ETags:
    """ASGI around the application. As on GitHub, a tag depends on the token, too, and not on what
    is on other pages.
    """

    def __init__(self, app: App):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET" or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            body += message.get("body", b"")

        await self._app(scope, receive, collect)
        headers = dict(scope["headers"])
        digest = hashlib.sha256(headers.get(b"authorization", b"") + body).hexdigest()
        tag = f'W/"{digest}"'.encode()
        if start["status"] == 200:
            start["headers"] = [*start["headers"], (b"etag", tag)]
            if headers.get(b"if-none-match") == tag:
                kept = [pair for pair in start["headers"] if pair[0].lower() not in _ABSENT]
                start["status"] = 304
                start["headers"] = kept
                body = b""
        await send(start)
        await send({"type": "http.response.body", "body": body})
