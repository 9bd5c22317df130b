"""The HTTP server that sandboxes connect to."""

import socket
from http.server import BaseHTTPRequestHandler

import pytest

from sandbox.index.server import serve_on


@pytest.mark.parametrize(("error", "reported"), [(BrokenPipeError, False), (KeyError, True)])
def test_a_client_that_leaves_is_not_reported(
    error: type[Exception], reported: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        raise error

    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = serve_on(listener, answer)
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(1) == b"", "the server closes after reporting"
        stop()
    assert ("Traceback" in capfd.readouterr().err) is reported
