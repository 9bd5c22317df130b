"""The proxy's own requests to an index behind TLS."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.index.upstream import Upstream, read_page
from tests.sandbox.index.index_server import IndexServer


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for ``localhost``, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    path = tmp_path / "certificate.pem"
    files = ["-keyout", str(path), "-out", str(tmp_path / "public.pem")]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    new = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*new, *files, *name], check=True, capture_output=True)
    with path.open("a") as file:
        file.write((tmp_path / "public.pem").read_text())
    return path


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    """The port of an index that presents the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with IndexServer() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        options = {"poll_interval": 0.01}
        threading.Thread(target=server.serve_forever, daemon=True, kwargs=options).start()
        yield server.server_port
        server.shutdown()


def fetch(index: str, certificates: Path | None) -> bytes:
    upstream = Upstream([index], str(certificates) if certificates else None)
    with upstream.fetch("GET", f"{index}thing/", {}) as answer:
        return read_page(answer.response)


def test_trusted_certificate_of_the_host_is_accepted(port: int, certificate: Path):
    assert b"thing-1.whl" in fetch(f"https://localhost:{port}/simple/", certificate)


def test_certificate_of_another_host_is_refused(port: int, certificate: Path):
    with pytest.raises(httpx.ConnectError, match="certificate"):
        fetch(f"https://127.0.0.1:{port}/simple/", certificate)


def test_unknown_certificate_is_refused(port: int):
    with pytest.raises(httpx.ConnectError, match="certificate"):
        fetch(f"https://localhost:{port}/simple/", None)


def test_the_addresses_of_a_host_are_looked_up_once(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    index = f"https://localhost:{port}/simple/"
    upstream = Upstream([index], str(certificate))
    hosts: list[str] = []
    look_up = socket.getaddrinfo

    def count(host: str, *arguments: int, **options: int) -> object:
        hosts.append(host)
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", count)
    for _ in range(2):
        with upstream.fetch("GET", f"{index}thing/", {}) as answer:
            assert read_page(answer.response)
    assert hosts.count("localhost") == 1
