"""A package index for tests: JSON and HTML pages, files, a redirect, a password-protected part."""

import base64
import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
WHEEL = b"wheel" * 100_000
PROJECT = {
    "name": "thing",
    "meta": {"api-version": "1.1"},
    "files": [
        {
            "filename": "thing-1.whl",
            "url": "../../files/thing-1.whl",
            "hashes": {"sha256": "ab"},
            "upload-time": "2020-01-01T00:00:00Z",
            "core-metadata": True,
        },
        {"filename": "evil-1.whl", "url": "http://169.254.169.254/latest/evil-1.whl", "hashes": {}},
    ],
}
HTML_PAGE = (
    '<!doctype html><a href="../../files/thing-1.whl#sha256=ab"'
    ' data-core-metadata="true">thing-1.whl</a>'
)
NPM_DOCUMENT = {
    "name": "@scope/thing",
    "versions": {
        "1.0.0": {
            "dist": {"tarball": "https://packages.example/npm/@scope/thing/-/thing-1.0.0.tgz"}
        },
        "2.0.0": {"dist": {"tarball": "http://mirror.example:81/@scope/thing/-/thing-2.0.0.tgz"}},
    },
}
NPM_FILE = b'{"tarball": "https://packages.example/thing/-/thing-1.0.0.tgz"}'
"""Not a document, whatever it contains."""
_CREDENTIALS = "Basic " + base64.b64encode(b"user:pass").decode()


class IndexServer(ThreadingHTTPServer):
    """Serves on a free port on loopback; records the path and the cookies of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requested: list[str] = []
        self.cookies: list[str | None] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """Refuses requests that a real index would never receive."""

    server: IndexServer

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        self.server.cookies.append(self.headers["Cookie"])
        if self.path.startswith("/private/") and self.headers["Authorization"] != _CREDENTIALS:
            self._answer(401, "text/plain", b"authentication required")
            return
        match self.path:
            case "/simple/thing/" | "/private/simple/thing/":
                self._answer_page()
            case "/simple/packed/":
                self._answer_packed()
            case "/simple/moved/":
                self._answer(301, "text/plain", b"", Location="/simple/thing/")
            case "/npm/@scope%2fthing":
                self._answer(200, "application/json", json.dumps(NPM_DOCUMENT).encode())
            case "/npm/@scope/thing/-/thing-1.0.0.tgz":
                self._answer(200, "application/octet-stream", NPM_FILE)
            case "/files/thing-1.whl":
                self._answer_file()
            case "/files/thing-1.whl.metadata":
                self._answer(200, "text/plain", b"Metadata-Version: 2.1")
            case _:
                self._answer(404, "text/plain", b"no such page")

    do_HEAD = do_GET

    def _answer_page(self) -> None:
        if JSON_TYPE in (self.headers["Accept"] or ""):
            self._answer(200, JSON_TYPE, json.dumps(PROJECT).encode(), ETag='"1"')
        else:
            self._answer(200, "text/html", HTML_PAGE.encode(), ETag='"1"')

    def _answer_packed(self) -> None:
        assert self.headers["Accept-Encoding"] == "gzip"
        body = gzip.compress(json.dumps(PROJECT).encode())
        self._answer(200, JSON_TYPE, body, **{"Content-Encoding": "gzip"})

    def _answer_file(self) -> None:
        if self.headers["Range"] == "bytes=0-2":
            self._answer(206, "application/octet-stream", WHEEL[:3])
        else:
            self._answer(200, "application/octet-stream", WHEEL)

    def _answer(self, status: int, content_type: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "visited=yes")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""
