"""The package index, for a sandbox that installs: a reverse proxy that lets GET and HEAD to it
pass, and nothing else.

The sandbox knows one address on its loopback. Links to files, in the index's pages (PEP 503, 691,
700), are rewritten to addresses of the proxy's that carry a signature: no other file can be asked
for. The registries of other tools (npm, Go) keep all below one address, which is passed on as it
is. Credentials and certificates stay here."""

import base64
import hashlib
import hmac
import html
import http.client
import ipaddress
import json
import re
import secrets
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import SplitResult, unquote, urldefrag, urljoin, urlsplit

from sandbox.index.sources import Sources, pip_sources, registries, uv_sources

_MAX_PAGE = 64 * 1024**2
_MAX_FILE = 2 * 1024**3
_SECONDS = 60.0
_REDIRECTS = 5
_BLOCK = 256 * 1024
_ASKED = ("Accept", "Range", "If-None-Match", "If-Modified-Since", "User-Agent")
_ANSWERED = (
    "Content-Type",
    "Content-Length",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
    "Cache-Control",
)
#: So that links to npm's own address lead here too; and Go's checksum database would be another
#: address.
_BESIDE = {
    "npm_config_registry": {"npm_config_replace_registry_host": "always"},
    "GOPROXY": {"GOSUMDB": "off"},
}
_LINK = re.compile(r"""(<(?:a|base)\b[^>]*?\bhref\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


class IndexProxy:
    """For the indexes of this machine's tools; gives sandboxes the variables by which pip and uv
    find it.
    """

    def __init__(
        self,
        tools: Callable[[], Mapping[str, Sources]],
        certificates: str | None = None,
        others: Callable[[], Mapping[str, str]] = dict,
    ):
        """``tools`` gives variables' prefix (``UV``, ``PIP``) -> what that tool uses, ``others`` a variable -> the
        registry it names; both are asked once a sandbox installs. ``certificates`` is a file to trust instead of the
        system's."""
        self._look = tools
        self._certificates = certificates
        self._look_at_others = others
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._port: int | None = None

    @classmethod
    def configured(cls, environ: Mapping[str, str]) -> "IndexProxy":
        """By the tools' own variables and files."""
        kept = dict(environ)
        return cls(
            lambda: {"UV": uv_sources(kept), "PIP": pip_sources(kept, Path.home())},
            kept.get("SSL_CERT_FILE") or kept.get("PIP_CERT"),
            lambda: registries(kept),
        )

    @cached_property
    def _tools(self) -> Mapping[str, Sources]:
        return self._look()

    @cached_property
    def _others(self) -> Mapping[str, str]:
        return {name: address.rstrip("/") + "/" for name, address in self._look_at_others().items()}

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._certificates)

    @cached_property
    def indexes(self) -> tuple[str, ...]:
        """The addresses that are passed on, by number."""
        found = [
            address.rstrip("/") + "/"
            for sources in self._tools.values()
            if not sources.closed
            for address in (sources.default, *sources.extra, *sources.links)
            if address and urlsplit(address).scheme in ("http", "https")
        ]
        return tuple(dict.fromkeys([*found, *self._others.values()]))

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders of packages on this machine, which a sandbox that installs may read."""
        words = [
            word
            for one in self._tools.values()
            for word in (one.default, *one.extra, *one.links)
            if word
        ]
        paths = [
            Path(unquote(urlsplit(word).path)) for word in words if word.startswith(("/", "file:"))
        ]
        # An index of files links to others beside it.
        beside = [path.parent / "files" for path in paths if (path.parent / "files").is_dir()]
        return tuple(path for path in dict.fromkeys([*paths, *beside]) if path.exists())

    def environment(self, port: int) -> dict[str, str]:
        """Each tool finds what it would find outside, through a port on its own loopback."""
        told: dict[str, str] = {}
        for tool, sources in self._tools.items():
            default, extra, links = (
                [self._inside(address, port) for address in group if address]
                for group in ((sources.default,), sources.extra, sources.links)
            )
            names = (
                ("UV_DEFAULT_INDEX", "UV_INDEX")
                if tool == "UV"
                else ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
            )
            told |= {names[0]: default[0]} if default else {}
            told |= {names[1]: " ".join(extra)} if extra else {}
            told |= (
                {f"{tool}_FIND_LINKS": (" " if tool == "PIP" else ",").join(links)} if links else {}
            )
            told |= {f"{tool}_NO_INDEX": "1"} if sources.closed else {}
        for name, address in self._others.items():
            told |= {name: self._inside(address, port)} | _BESIDE.get(name, {})
        return told

    def _inside(self, address: str, port: int) -> str:
        known = address.rstrip("/") + "/"
        return (
            f"http://127.0.0.1:{port}/{self.indexes.index(known)}/"
            if known in self.indexes
            else address
        )

    def port(self) -> int:
        """The port on this machine's loopback where it serves, from the first call on."""
        with self._lock:
            if self._port is None:
                listener = socket.create_server(("127.0.0.1", 0))
                self._port = listener.getsockname()[1]
                self.serve(listener)
            return self._port

    def serve(self, listener: socket.socket) -> Callable[[], None]:
        """Answer on a listening socket until what this gives is called."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        server.server_address = listener.getsockname()
        server.daemon_threads = True
        serving = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        serving.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()

        return stop

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _SECONDS

            def do_GET(self) -> None:
                proxy.answer(self)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        """One request. Other methods never come here."""
        try:
            target, page = self._target(asked.path)
        except ValueError:
            asked.send_error(403, "not part of the package index")
            return
        try:
            self._pass_on(asked, target, page=page)
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            asked.close_connection = True
            asked.send_error(502, f"the package index did not answer: {type(error).__name__}")

    def _target(self, path: str) -> tuple[str, bool]:
        """What a path stands for, and whether that is a page of the index. ValueError: for nothing."""
        _, first, *rest = path.split("/")
        if first == "file":
            signature, coded, name = rest
            address = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
            if not hmac.compare_digest(signature, self._signature(address)):
                raise ValueError(path)
            wanted = unquote(name.partition("?")[0])
            own = unquote(urlsplit(address).path.rsplit("/", 1)[1])
            if wanted not in (own, own + ".metadata"):
                raise ValueError(path)
            return (address.partition("?")[0] + ".metadata" if wanted != own else address), False
        below = "/".join(rest)
        if not first.isdigit() or int(first) >= len(self.indexes):
            raise ValueError(path)
        index = self.indexes[int(first)]
        decoded = unquote(below)
        other = index in self._others.values()
        if not re.fullmatch(r"[A-Za-z0-9._/@%+!~-]*" if other else r"[A-Za-z0-9._/-]*", below):
            raise ValueError(path)
        if {"..", "."}.intersection(decoded.split("/")) or "//" in f"/{decoded}":
            raise ValueError(path)
        return index + below, not other

    def _signature(self, address: str) -> str:
        return hmac.new(self._key, address.encode(), hashlib.sha256).hexdigest()[:40]

    def _pass_on(self, asked: BaseHTTPRequestHandler, address: str, *, page: bool) -> None:
        headers = {
            name: asked.headers[name]
            for name in _ASKED
            if asked.headers[name] and (name != "Range" or not page)
        }
        headers["Accept-Encoding"] = "gzip" if page else "identity"
        connection, answer, address = self._fetched(asked.command, address, headers)
        try:
            kept = {name: answer.headers[name] for name in _ANSWERED if answer.headers[name]}
            body = b""
            if page and asked.command == "GET" and answer.status == 200:
                body = self._rewritten(_whole(answer), address, answer.headers.get_content_type())
                kept["Content-Length"] = str(len(body))
            elif page and answer.headers["Content-Encoding"]:
                kept.pop("Content-Length", None)
            if int(kept.get("Content-Length", 0)) > _MAX_FILE:
                raise ValueError("too large")
            if "Content-Length" not in kept and answer.status not in (204, 304):
                kept["Connection"] = "close"
                asked.close_connection = True
            asked.send_response(answer.status)
            for name, value in kept.items():
                asked.send_header(name, value)
            asked.end_headers()
            asked.wfile.write(body)
            if not body and asked.command == "GET":
                passed = 0
                while (block := answer.read(_BLOCK)) and (
                    passed := passed + len(block)
                ) <= _MAX_FILE:
                    asked.wfile.write(block)
        finally:
            connection.close()

    def _fetched(
        self, method: str, address: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, str]:
        """The answer and where it came from in the end: redirections are followed here."""
        for _ in range(_REDIRECTS):
            parts = urlsplit(address)
            connection = self._connection(parts)
            own = dict(headers)
            if any(address.startswith(index) for index in self.indexes) and parts.username:
                pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                own["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            connection.request(
                method,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                headers=own,
            )
            answer = connection.getresponse()
            if answer.status not in (301, 302, 303, 307, 308) or not answer.headers["Location"]:
                return connection, answer, address
            connection.close()
            address = urljoin(address, answer.headers["Location"])
        raise ValueError("too many redirections")

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        """A page may link anywhere; this machine's own and its neighbours' services it may not make
        us reach.
        """
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https"):
            raise ValueError("not an address of the web")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not any(
            (host, parts.port) == (urlsplit(one).hostname, urlsplit(one).port)
            for one in self.indexes
        ):
            found = [one for one in found if not _local(ipaddress.ip_address(one[4][0]))]
        if not found:
            raise ValueError("not an address of another machine")
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        plain = socket.create_connection(
            (str(found[0][4][0]), port), timeout=_SECONDS
        )  # the one that was looked at
        secure = parts.scheme == "https"
        connection.sock = (
            self._context.wrap_socket(plain, server_hostname=host) if secure else plain
        )
        return connection

    def _rewritten(self, body: bytes, address: str, kind: str) -> bytes:
        if kind.endswith("json"):
            told = json.loads(body)
            for file in told.get("files", []):
                file["url"] = self._signed(urljoin(address, file["url"]))
            return json.dumps(told).encode()
        if "html" not in kind:
            return body
        text = body.decode("utf-8", "replace")
        base = address

        def link(found: re.Match[str]) -> str:
            nonlocal base
            href = urljoin(base, html.unescape(found[2][1:-1]))
            if found[1].lower().startswith("<base"):
                base = href
                return ""
            clean = next((href for index in self.indexes if href.startswith(index)), None)
            if clean and href.endswith("/"):
                return found[0]  # another page of the index: as it stands, relative
            return f'{found[1]}"{html.escape(self._signed(href))}"'

        return _LINK.sub(link, text).encode()

    def _signed(self, address: str) -> str:
        plain, fragment = urldefrag(address)
        coded = base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")  # pip would quote it
        name = urlsplit(plain).path.rsplit("/", 1)[1]
        return f"/file/{self._signature(plain)}/{coded}/{name}" + (
            f"#{fragment}" if fragment else ""
        )


def _local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """This machine's, and the metadata services' (the last is EC2's for IPv6)."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    near = (
        mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast
    )
    return near or mapped == ipaddress.ip_address("fd00:ec2::254")


def _whole(answer: http.client.HTTPResponse) -> bytes:
    """A page's body, unpacked; ValueError where it is too large."""
    body = answer.read(_MAX_PAGE + 1)
    if answer.headers["Content-Encoding"] == "gzip":
        unpacking = zlib.decompressobj(wbits=31)
        body = unpacking.decompress(body, _MAX_PAGE + 1)
    if len(body) > _MAX_PAGE:
        raise ValueError("too large")
    return body
