"""The package index for a sandbox that installs: a reverse proxy that forwards GET and HEAD
requests to the index, and nothing else.

    pip, uv, npm, go           IndexProxy                          package index
    in the sandbox             in the worker
        |                          |                                    |
        |-- GET /0/thing/ -------->|-- GET https://index/simple/thing/ ->|
        |<- links to /file/... ----|<- links to files anywhere ----------|
        |-- GET /file/SIGNED/... ->|-- GET the file -------------------->|

A sandbox sees one address on its loopback. Registries of other tools (npm, Go) have everything
below one address; requests to it are forwarded unchanged, and so are the answers, except for the
links in npm's documents. Credentials and certificates stay in the worker.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from sandbox import SandboxCommand
from sandbox.index.package_documents import rewrite_links
from sandbox.index.pages import FileLinks, rewrite_page
from sandbox.index.routes import Routes, Target
from sandbox.index.server import serve_on
from sandbox.index.sources import PackageSources, ToolSources, read_package_sources

if TYPE_CHECKING:
    import httpx

    from sandbox.index.upstream import Answer, Upstream

_BLOCK_BYTES = 256 * 1024
_REQUEST_HEADERS = ("Accept", "Range", "If-None-Match", "If-Modified-Since", "User-Agent")
_RESPONSE_HEADERS = (
    "Content-Type",
    "Content-Length",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
    "Cache-Control",
)
_STATUSES_WITHOUT_BODY = (204, 304)


class IndexProxy:
    """Forwards requests, and provides the variables through which a sandbox's tools find it."""

    def __init__(self, read_sources: Callable[[], PackageSources], certificates: str | None = None):
        """
        Args:
            read_sources: called once, when a sandbox first installs.
            certificates: a file of certificates to trust instead of the system's.
        """
        self._read_sources = read_sources
        self._certificates = certificates
        self._links = FileLinks()
        self._port_lock = threading.Lock()
        self._port: int | None = None

    @classmethod
    def configured(cls, environ: Mapping[str, str]) -> Self:
        """Create a proxy to the indexes that the tools' own variables and files configure."""
        environ = dict(environ)
        certificates = environ.get("SSL_CERT_FILE") or environ.get("PIP_CERT")
        return cls(lambda: read_package_sources(environ), certificates)

    @cached_property
    def _sources(self) -> PackageSources:
        return self._read_sources()

    @cached_property
    def _routes(self) -> Routes:
        return Routes(self._sources, self._links)

    @cached_property
    def _upstream(self) -> "Upstream":
        # Importing httpx takes longer than most sandboxed commands.
        from sandbox.index.upstream import Upstream

        return Upstream(self._routes.addresses, self._certificates)

    def reachable_from(self, command: SandboxCommand, port: int) -> SandboxCommand:
        """Return the command with the variables and folders that make its tools use the proxy.

        ``port`` is the proxy's port on the sandbox's loopback.
        """
        return replace(
            command,
            environment={**command.environment, **self.environment(port)},
            readable=(*command.readable, *self.folders),
        )

    @property
    def folders(self) -> tuple[Path, ...]:
        """Local folders of packages, which a sandbox that installs may read."""
        folders: list[Path] = []
        for tool in self._sources.tools:
            for address in tool.all:
                if not address.startswith(("/", "file:")):
                    continue
                folder = Path(unquote(urlsplit(address).path))
                folders.append(folder)
                # An index in a folder links to files beside it.
                folders.append(folder.parent / "files")
        return tuple(folder for folder in dict.fromkeys(folders) if folder.exists())

    def environment(self, port: int) -> dict[str, str]:
        """Return the variables that make each tool use its configured sources via the proxy."""
        variables: dict[str, str] = {}
        for tool in self._sources.tools:
            variables.update(self._tool_environment(tool, port))
        for registry in self._sources.registries:
            variables[registry.variable] = self._routes.address_inside(registry.address, port)
            variables.update(registry.companions)
        return variables

    def _tool_environment(self, tool: ToolSources, port: int) -> dict[str, str]:
        names = tool.variables
        extra = [self._routes.address_inside(address, port) for address in tool.extra]
        find_links = [self._routes.address_inside(address, port) for address in tool.find_links]
        variables: dict[str, str] = {}
        if tool.default:
            variables[names.default_index] = self._routes.address_inside(tool.default, port)
        if extra:
            variables[names.extra_indexes] = " ".join(extra)
        if find_links:
            variables[names.find_links] = names.find_links_separator.join(find_links)
        if tool.no_index:
            variables[names.no_index] = "1"
        return variables

    def port(self) -> int:
        """Return the port on this machine's loopback; the first call starts to serve on it."""
        with self._port_lock:
            if self._port is None:
                listener = socket.create_server(("127.0.0.1", 0))
                self._port = int(listener.getsockname()[1])
                self.serve(listener)
            return self._port

    def serve(self, listener: socket.socket) -> Callable[[], None]:
        """Serve on a listening socket; return a function that stops serving."""
        return serve_on(listener, self._answer)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        from sandbox.index.upstream import UPSTREAM_ERRORS

        try:
            target = self._routes.resolve(request.path)
        except ValueError:
            request.send_error(403, "not part of the package index")
            return
        headers = _request_headers(request, target)
        try:
            with self._upstream.fetch(request.command, target.address, headers) as answer:
                if target.kind == "file" or request.command != "GET":
                    _send_file(request, answer.response)
                else:
                    self._send_rewritten(request, answer, target)
        except UPSTREAM_ERRORS as error:
            request.close_connection = True
            request.send_error(502, f"the package index did not answer: {type(error).__name__}")

    def _send_rewritten(
        self, request: BaseHTTPRequestHandler, answer: "Answer", target: Target
    ) -> None:
        """Send a page or a document with links to the proxy."""
        from sandbox.index.upstream import read_page

        response = answer.response
        body = read_page(response)
        if response.status_code == 200 and target.kind == "document":
            body = rewrite_links(body, request.headers["Host"] or "", target.number)
        elif response.status_code == 200:
            content_type = _media_type(response)
            body = rewrite_page(
                body, answer.address, content_type, self._routes.addresses, self._links
            )
        headers = _response_headers(response)
        headers.pop("Content-Length", None)
        if response.status_code not in _STATUSES_WITHOUT_BODY:
            headers["Content-Length"] = str(len(body))
        _send_head(request, response.status_code, headers)
        request.wfile.write(body)


def _send_file(request: BaseHTTPRequestHandler, response: "httpx.Response") -> None:
    """Forward a response unchanged."""
    from sandbox.index.upstream import MAX_FILE_BYTES, UPSTREAM_ERRORS

    headers = _response_headers(response)
    if response.headers.get("Content-Encoding"):
        # HEAD for a page: GET would return it decompressed, with another length.
        headers.pop("Content-Length", None)
    if int(headers.get("Content-Length", 0)) > MAX_FILE_BYTES:
        raise ValueError("too large")
    if "Content-Length" not in headers and response.status_code not in _STATUSES_WITHOUT_BODY:
        headers["Connection"] = "close"
        request.close_connection = True
    _send_head(request, response.status_code, headers)
    if request.command != "GET":
        return
    sent = 0
    try:
        for block in response.iter_raw(_BLOCK_BYTES):
            sent += len(block)
            if sent > MAX_FILE_BYTES:
                raise ValueError("too large")
            request.wfile.write(block)
    except UPSTREAM_ERRORS:
        # Too late for an error page: the client will notice the missing bytes.
        request.close_connection = True


def _send_head(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()


def _request_headers(request: BaseHTTPRequestHandler, target: Target) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name in _REQUEST_HEADERS:
        value = request.headers[name]
        if value and not (name == "Range" and target.kind != "file"):
            headers[name] = value
    headers["Accept-Encoding"] = "identity" if target.kind == "file" else "gzip"
    return headers


def _response_headers(response: "httpx.Response") -> dict[str, str]:
    headers: dict[str, str] = {}
    for name in _RESPONSE_HEADERS:
        value = response.headers.get(name)
        if value:
            headers[name] = value
    return headers


def _media_type(response: "httpx.Response") -> str:
    content_type: str = response.headers.get("Content-Type", "text/plain")
    return content_type.partition(";")[0].strip().lower()
