"""A small, fast HTTP/1.1 server on loopback, in a separate thread. Its handler responds or cuts the
connection.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

Result = TypeVar("Result")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Server Error",
}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


#: Sends a response; None cuts the connection. It may be called later, even after the client died.
Reply = Callable[[Answer | None], None]
Handler = Callable[[Request, Reply], None]


class _Connection(asyncio.Protocol):
    def __init__(self, handler: Handler):
        self._handler = handler
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            request = self._take_request()
            if request is None:
                return
            self._handler(request, self._reply)

    def _take_request(self) -> Request | None:
        """Take a request from the buffer; None if it is incomplete."""
        head_size = self._buffer.find(b"\r\n\r\n")
        if head_size < 0:
            return None
        request_line, *lines = self._buffer[:head_size].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        begin = head_size + 4
        end = begin + int(headers.get("content-length", "0"))
        if len(self._buffer) < end:
            return None
        body = self._buffer[begin:end]
        self._buffer = self._buffer[end:]
        method, path, _ = request_line.split(" ", 2)
        return Request(method, path, headers, body)

    def _reply(self, answer: Answer | None) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if answer is None:
            transport.abort()
            return
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unavailable')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines.append(f"Content-Length: {len(answer.body)}\r\n\r\n")
        transport.write("\r\n".join(lines).encode() + answer.body)


class LoopbackServer:
    """Serves while entered as a context. ``handler`` only runs on the server's thread."""

    def __init__(self, handler: Handler):
        self._handler = handler
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="loopback server", daemon=True
        )
        self.endpoint = ""

    def __enter__(self) -> Self:
        self._thread.start()
        creation = self.loop.create_server(
            lambda: _Connection(self._handler), "127.0.0.1", 0, backlog=1024
        )
        self._server = asyncio.run_coroutine_threadsafe(creation, self.loop).result(10)
        port = self._server.sockets[0].getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function on the server's thread, where all state lives, and return its result."""
        result: Future[Result] = Future()

        def work() -> None:
            with suppress(BaseException):
                try:
                    result.set_result(function(*arguments))
                except BaseException as error:
                    result.set_exception(error)

        self.loop.call_soon_threadsafe(work)
        return result.result(30)
