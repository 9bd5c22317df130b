"""The HTTP server that sandboxes connect to."""

import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_IDLE_SECONDS = 60.0
_POLL_SECONDS = 0.1


def serve_on(
    listener: socket.socket, answer: Callable[[BaseHTTPRequestHandler], None]
) -> Callable[[], None]:
    """Answer GET and HEAD on a listening socket; return a function that stops the server.

    Other methods are answered with 501.
    """
    server = _Server(listener, answer)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": _POLL_SECONDS}, daemon=True
    )
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, listener: socket.socket, answer: Callable[[BaseHTTPRequestHandler], None]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an exception, unless the program in the sandbox has closed the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        self.server.answer(self)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
