"""The proxy's own requests, to the index and to the targets of its redirects."""

import ipaddress
import math
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

MAX_FILE_BYTES = 2 * 1024**3

_MAX_PAGE_BYTES = 64 * 1024**2
_TIMEOUT_SECONDS = 60.0
_MAX_REQUESTS = 5
"""Requests for one answer, redirects included."""
_MAX_HOSTS = 100
_ADDRESS_SECONDS = 60.0
"""How long the addresses of a host are kept: a package manager asks for hundreds of files at once,
and name servers leave some of that many questions unanswered."""
_GZIP_WINDOW_BITS = 31
_DEFAULT_PORTS = {"http": 80, "https": 443}
_EC2_METADATA_IPV6 = ipaddress.ip_address("fd00:ec2::254")

UPSTREAM_ERRORS = (OSError, ValueError, zlib.error, httpx.HTTPError, httpx.InvalidURL)


@dataclass(frozen=True)
class Answer:
    address: str
    """The final address, after redirects."""
    response: httpx.Response


class Upstream:
    """Sends requests to the indexes, and to the addresses that their pages link to."""

    def __init__(self, indexes: Sequence[str], certificates: str | None):
        """
        Args:
            indexes: the addresses of the indexes, with their credentials.
            certificates: a file of certificates to trust instead of the system's.
        """
        self._indexes = tuple(indexes)
        self._index_hosts = {_host_and_port(httpx.URL(index)) for index in indexes}
        self._context = ssl.create_default_context(cafile=certificates)
        self._addresses: dict[tuple[str, int], tuple[float, list[str]]] = {}

    @contextmanager
    def fetch(self, method: str, address: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Send a request and follow redirects; the caller reads the body of the answer.

        Raises:
            UPSTREAM_ERRORS: there is no answer.
        """
        for _ in range(_MAX_REQUESTS):
            with self._request(method, address, headers) as response:
                if not response.has_redirect_location:
                    yield Answer(address, response)
                    return
            address = urljoin(address, response.headers["Location"])
        raise ValueError("too many redirects")

    @contextmanager
    def _request(
        self, method: str, address: str, headers: Mapping[str, str]
    ) -> Iterator[httpx.Response]:
        url = httpx.URL(address)
        # Connect to the very IP address that was checked. The host's name stays in the header, and
        # is used to verify the certificate.
        checked_url = url.copy_with(host=self._resolve(url), userinfo=b"")
        host_header = url.netloc.decode("ascii")
        # A new client for each request: a client keeps connections and cookies by IP address, which
        # another host may share.
        client = httpx.Client(verify=self._context, trust_env=False, timeout=_TIMEOUT_SECONDS)
        with (
            client,
            client.stream(
                method,
                checked_url,
                headers={**headers, "Host": host_header},
                auth=self._credentials(address, url),
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            ) as response,
        ):
            yield response

    def _credentials(self, address: str, url: httpx.URL) -> httpx.BasicAuth | None:
        """Return an index's own credentials; credentials in other addresses are ignored."""
        if url.username and address.startswith(self._indexes):
            return httpx.BasicAuth(url.username, url.password)
        return None

    def _resolve(self, url: httpx.URL) -> str:
        """Return an IP address of a host.

        A page may link anywhere, but must not make the worker connect to this machine or to
        link-local services, unless the index itself is there.

        Raises:
            OSError: the host is unknown.
            ValueError: the host may not be contacted.
        """
        if url.scheme not in _DEFAULT_PORTS:
            raise ValueError("not an HTTP address")
        host = url.raw_host.decode("ascii")
        port = url.port or _DEFAULT_PORTS[url.scheme]
        addresses = self._look_up(host, port)
        if _host_and_port(url) not in self._index_hosts:
            addresses = [address for address in addresses if not _is_near(address)]
        if not addresses:
            raise ValueError("not an address of another machine")
        return addresses[0]

    def _look_up(self, host: str, port: int) -> list[str]:
        """Return a host's IP addresses; those looked up a short time ago are still valid."""
        looked_up, addresses = self._addresses.get((host, port), (-math.inf, []))
        if time.monotonic() - looked_up < _ADDRESS_SECONDS:
            return addresses
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(socket_address[0]) for *_, socket_address in found]
        if len(self._addresses) >= _MAX_HOSTS:
            self._addresses.clear()
        self._addresses[host, port] = (time.monotonic(), addresses)
        return addresses


def read_page(response: httpx.Response) -> bytes:
    """Read a page's body and unpack it.

    Raises:
        ValueError: it is too large.
    """
    packed = bytearray()
    for part in response.iter_raw():
        packed += part
        _check_size(packed)
    if response.headers.get("Content-Encoding") != "gzip":
        return bytes(packed)
    unpacked = zlib.decompressobj(_GZIP_WINDOW_BITS).decompress(packed, _MAX_PAGE_BYTES + 1)
    _check_size(unpacked)
    return unpacked


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > _MAX_PAGE_BYTES:
        raise ValueError("too large")


def _host_and_port(url: httpx.URL) -> tuple[str, int | None]:
    return url.host, url.port


def _is_near(text: str) -> bool:
    """Return whether an address is this machine's, or a metadata service of the cloud."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address == _EC2_METADATA_IPV6
    )
