"""The proxy between a sandbox and the package index, against an index of our own."""

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

import pytest

from sandbox.index.proxy import IndexProxy
from sandbox.index.sources import (
    PIP,
    UV,
    PackageSources,
    Registry,
    ToolSources,
    pip_sources,
    uv_sources,
)

JSON = "application/vnd.pypi.simple.v1+json"
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
PAGE = (
    '<!doctype html><a href="../../files/thing-1.whl#sha256=ab"'
    ' data-core-metadata="true">thing-1.whl</a>'
)


class Index(BaseHTTPRequestHandler):
    """Refuses what a real one would not be asked; wants a password below /private/."""

    asked: ClassVar[list[tuple[str, str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers["Authorization"]))
        kind = self.headers["Accept"] or ""
        if (
            self.path.startswith("/private/")
            and self.headers["Authorization"] != "Basic " + base64.b64encode(b"user:pass").decode()
        ):
            self.answer(401, "text/plain", b"who are you")
        elif self.path in ("/simple/thing/", "/private/simple/thing/"):
            wants_json = JSON in kind
            body = json.dumps(PROJECT) if wants_json else PAGE
            self.answer(200, JSON if wants_json else "text/html", body.encode(), ETag='"1"')
        elif self.path == "/npm/@scope%2fthing":
            self.answer(200, "application/json", b'{"files": ["as", "it", "is"]}')
        elif self.path == "/simple/moved/":
            self.answer(301, "text/plain", b"", Location="/simple/thing/")
        elif self.path == "/files/thing-1.whl":
            part = (
                (206, b"whe") if self.headers["Range"] == "bytes=0-2" else (200, b"wheel" * 100_000)
            )
            self.answer(part[0], "application/octet-stream", part[1])
        elif self.path == "/files/thing-1.whl.metadata":
            self.answer(200, "text/plain", b"Metadata-Version: 2.1")
        else:
            self.answer(404, "text/plain", b"no such page")

    do_HEAD = do_GET

    def answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(
            target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.01}
        ).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def proxy(address: str) -> IndexProxy:
    Index.asked.clear()
    sources = ToolSources(
        UV, f"http://{address}/simple", (f"http://user:pass@{address}/private/simple/",)
    )
    return IndexProxy(lambda: PackageSources((sources,)))


def ask(proxy: IndexProxy, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def linked(proxy: IndexProxy, which: int = 0) -> str:
    return json.loads(ask(proxy, "/0/thing/", Accept=JSON)[1])["files"][which]["url"]


def test_a_page_keeps_what_it_says_and_links_to_the_proxy_alone(proxy: IndexProxy, address: str):
    told = json.loads(ask(proxy, "/0/thing/", Accept=JSON)[1])
    assert [{**file, "url": ""} for file in told["files"]] == [
        {**file, "url": ""} for file in PROJECT["files"]
    ]
    assert all(file["url"].startswith("/file/") for file in told["files"])
    assert [file["url"] for file in told["files"]] == [
        quote(file["url"]) for file in told["files"]
    ]  # as pip asks for it
    page = ask(proxy, "/0/thing/", Accept="text/html")[1].decode()
    assert (
        'href="/file/' in page
        and "#sha256=ab" in page
        and "data-core-metadata" in page
        and address not in page
    )


def test_a_file_its_metadata_and_parts_of_it_come_through(proxy: IndexProxy):
    path = linked(proxy)
    assert ask(proxy, path) == (200, b"wheel" * 100_000)
    assert ask(proxy, path, Range="bytes=0-2") == (206, b"whe")
    assert ask(proxy, path + ".metadata") == (200, b"Metadata-Version: 2.1")
    assert ask(proxy, path, "HEAD") == (200, b"")


def test_the_password_of_an_index_is_used_here_and_told_nobody(proxy: IndexProxy):
    status, body = ask(proxy, "/1/thing/", Accept=JSON)
    assert status == 200 and b"pass" not in body
    told = proxy.environment(5)
    assert told == {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:5/0/",
        "UV_INDEX": "http://127.0.0.1:5/1/",
    }


def test_a_redirection_is_followed_here(proxy: IndexProxy):
    assert json.loads(ask(proxy, "/0/moved/", Accept=JSON)[1])["name"] == "thing"


def test_what_the_index_says_of_a_missing_page_comes_through(proxy: IndexProxy):
    assert ask(proxy, "/0/nothing/") == (404, b"no such page")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/2/thing/",
        "/x/thing/",
        "/0/../secret",
        "/0/thing/../../../x",
        "/0//169.254.169.254/",
        "/0/thing/?a=secret",
        "/0/%2e%2e/x",
        "/0/th@ing/",
        "http://169.254.169.254/",
        "/file/",
        "/file/a/b/c",
        "/file/a/b/c/d",
        "/file/0/@/x",
    ],
)
def test_anything_else_is_refused_and_the_index_not_asked(proxy: IndexProxy, path: str):
    assert ask(proxy, path)[0] == 403
    assert Index.asked == []


def test_another_tools_registry_is_passed_on_as_it_is_and_no_further(address: str):
    proxy = IndexProxy(
        lambda: PackageSources(
            registries=(
                Registry(
                    "npm_config_registry",
                    f"http://{address}/npm",
                    {"npm_config_replace_registry_host": "always"},
                ),
            )
        )
    )
    told = proxy.environment(5)
    assert told == {
        "npm_config_registry": "http://127.0.0.1:5/0/",
        "npm_config_replace_registry_host": "always",
    }
    assert ask(proxy, "/0/@scope%2fthing") == (200, b'{"files": ["as", "it", "is"]}')
    assert ask(proxy, "/0/@scope%2fthing", "POST")[0] == 501
    assert [
        ask(proxy, f"/0/{path}")[0] for path in ("%2e%2e/simple/thing/", "a/../../x", "/x", "a?b")
    ] == [403] * 4


def test_a_link_that_was_changed_is_refused(proxy: IndexProxy, address: str):
    _, _, signature, _, name = linked(proxy).split("/")
    other = base64.urlsafe_b64encode(f"http://{address}/admin/thing-1.whl".encode()).decode()
    assert ask(proxy, f"/file/{signature}/{other}/{name}")[0] == 403
    assert ask(proxy, linked(proxy).replace("thing-1.whl", "thing-2.whl"))[0] == 403


def test_a_page_cannot_send_it_to_this_machines_neighbourhood(proxy: IndexProxy):
    assert ask(proxy, linked(proxy, 1))[0] == 502


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "OPTIONS"])
def test_no_other_method_passes(proxy: IndexProxy, method: str):
    assert ask(proxy, "/0/thing/", method)[0] == 501
    assert Index.asked == []


def test_where_uv_and_pip_would_look_is_read_as_they_read_it(tmp_path: Path):
    told = {
        "UV_DEFAULT_INDEX": "corp=https://a/simple",
        "UV_INDEX": "x=https://b/ https://c/",
        "UV_FIND_LINKS": "/w",
    }
    assert uv_sources(told) == ToolSources(
        UV, "https://a/simple", ("https://b/", "https://c/"), ("/w",)
    )
    assert uv_sources({"UV_INDEX_URL": "https://a/", "UV_OFFLINE": "1"}).no_index
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://a/\nextra-index-url = https://b/\n"
    )
    found = pip_sources({"PIP_INDEX_URL": "https://c/"}, tmp_path)
    assert (found.default, found.extra) == ("https://c/", ("https://b/",))


def test_without_any_setting_it_is_the_index_that_uv_itself_asks():
    found = uv_sources({}).default
    assert found is not None and urlsplit(found).scheme == "https"


def test_folders_of_packages_are_shown_and_a_closed_tool_has_no_index(tmp_path: Path):
    (tmp_path / "index/simple").mkdir(parents=True)
    (tmp_path / "index/files").mkdir()
    sources = ToolSources(PIP, None, (f"file://{tmp_path}/index/simple",), (), no_index=True)
    proxy = IndexProxy(lambda: PackageSources((sources,)))
    assert set(proxy.folders) == {tmp_path / "index/simple", tmp_path / "index/files"}
    assert proxy.environment(5) == {"PIP_EXTRA_INDEX_URL": sources.extra[0], "PIP_NO_INDEX": "1"}
