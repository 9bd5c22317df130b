"""The proxy between a sandbox and the package index."""

import base64
import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.index.proxy import IndexProxy
from sandbox.index.sources import PIP, UV, PackageSources, Registry, ToolSources
from tests.sandbox.index.index_server import JSON_TYPE, NPM_FILE, PROJECT, WHEEL, IndexServer


@pytest.fixture
def proxy(index: IndexServer) -> IndexProxy:
    public = f"http://{index.address}/simple"
    private = f"http://user:pass@{index.address}/private/simple/"
    sources = PackageSources((ToolSources(UV, public, (private,)),))
    return IndexProxy(lambda: sources)


def request(proxy: IndexProxy, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Return the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read()


def request_project(proxy: IndexProxy, path: str = "/0/thing/") -> dict[str, Any]:
    status, body = request(proxy, path, Accept=JSON_TYPE)
    assert status == 200
    project: dict[str, Any] = json.loads(body)
    return project


def file_path(proxy: IndexProxy) -> str:
    """Return the proxy's path of the project's first file."""
    path: str = request_project(proxy)["files"][0]["url"]
    return path


def test_json_page_keeps_everything_but_its_links(proxy: IndexProxy):
    files = request_project(proxy)["files"]
    expected = PROJECT["files"]
    assert isinstance(expected, list)
    assert [{**file, "url": ""} for file in files] == [{**file, "url": ""} for file in expected]


def test_json_page_links_to_the_proxy(proxy: IndexProxy):
    for file in request_project(proxy)["files"]:
        assert file["url"].startswith("/file/")
        assert file["url"] == quote(file["url"])  # as pip requests it


def test_html_page_links_to_the_proxy(proxy: IndexProxy, index: IndexServer):
    _, body = request(proxy, "/0/thing/", Accept="text/html")
    page = body.decode()
    assert 'href="/file/' in page
    assert "#sha256=ab" in page
    assert "data-core-metadata" in page
    assert index.address not in page


def test_compressed_page_is_decompressed(proxy: IndexProxy):
    project = request_project(proxy, "/0/packed/")
    assert project["name"] == "thing"
    assert project["files"][0]["url"].startswith("/file/")


def test_file_is_forwarded(proxy: IndexProxy):
    path = file_path(proxy)
    assert request(proxy, path) == (200, WHEEL)
    assert request(proxy, path, "HEAD") == (200, b"")


def test_part_of_a_file_is_forwarded(proxy: IndexProxy):
    assert request(proxy, file_path(proxy), Range="bytes=0-2") == (206, b"whe")


def test_metadata_of_a_file_is_forwarded(proxy: IndexProxy):
    path = file_path(proxy) + ".metadata"
    assert request(proxy, path) == (200, b"Metadata-Version: 2.1")


def test_credentials_of_an_index_stay_in_the_proxy(proxy: IndexProxy):
    status, body = request(proxy, "/1/thing/", Accept=JSON_TYPE)
    assert status == 200
    assert b"pass" not in body
    assert proxy.environment(5) == {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:5/0/",
        "UV_INDEX": "http://127.0.0.1:5/1/",
    }


def test_redirect_is_followed(proxy: IndexProxy):
    assert request_project(proxy, "/0/moved/")["name"] == "thing"


def test_cookies_are_not_stored(proxy: IndexProxy, index: IndexServer):
    request_project(proxy, "/0/moved/")
    request_project(proxy)
    assert index.cookies == [None, None, None]


def test_missing_page_is_forwarded(proxy: IndexProxy):
    assert request(proxy, "/0/nothing/") == (404, b"no such page")


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
def test_other_paths_are_refused(proxy: IndexProxy, index: IndexServer, path: str):
    status, _ = request(proxy, path)
    assert status == 403
    assert index.requested == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "OPTIONS"])
def test_other_methods_are_refused(proxy: IndexProxy, index: IndexServer, method: str):
    status, _ = request(proxy, "/0/thing/", method)
    assert status == 501
    assert index.requested == []


def test_changed_address_of_a_file_is_refused(proxy: IndexProxy, index: IndexServer):
    _, _, signature, _, name = file_path(proxy).split("/")
    other = base64.urlsafe_b64encode(f"http://{index.address}/admin/thing-1.whl".encode()).decode()
    status, _ = request(proxy, f"/file/{signature}/{other}/{name}")
    assert status == 403


def test_changed_name_of_a_file_is_refused(proxy: IndexProxy):
    path = file_path(proxy).replace("thing-1.whl", "thing-2.whl")
    status, _ = request(proxy, path)
    assert status == 403


def test_link_to_a_metadata_service_is_not_followed(proxy: IndexProxy):
    path = request_project(proxy)["files"][1]["url"]
    status, _ = request(proxy, path)
    assert status == 502


class TestRegistry:
    """The registry of another tool, of whose answers only links to files are rewritten."""

    @pytest.fixture
    def proxy(self, index: IndexServer) -> IndexProxy:
        companions = {"npm_config_replace_registry_host": "always"}
        address = f"http://{index.address}/npm"
        npm = Registry("npm_config_registry", address, companions, has_documents=True)
        return IndexProxy(lambda: PackageSources(registries=(npm,)))

    def test_variables_lead_to_the_proxy(self, proxy: IndexProxy):
        assert proxy.environment(5) == {
            "npm_config_registry": "http://127.0.0.1:5/0/",
            "npm_config_replace_registry_host": "always",
        }

    def test_a_packages_document_links_to_the_proxy(self, proxy: IndexProxy):
        status, body = request(proxy, "/0/@scope%2fthing")
        versions = json.loads(body)["versions"]
        inside = f"http://127.0.0.1:{proxy.port()}/0/@scope/thing/-"
        assert status == 200
        assert versions["1.0.0"]["dist"]["tarball"] == f"{inside}/thing-1.0.0.tgz"
        assert versions["2.0.0"]["dist"]["tarball"] == f"{inside}/thing-2.0.0.tgz"

    def test_a_file_is_forwarded_unchanged(self, proxy: IndexProxy):
        assert request(proxy, "/0/@scope/thing/-/thing-1.0.0.tgz") == (200, NPM_FILE)

    def test_other_methods_are_refused(self, proxy: IndexProxy):
        status, _ = request(proxy, "/0/@scope%2fthing", "POST")
        assert status == 501

    @pytest.mark.parametrize("path", ["%2e%2e/simple/thing/", "a/../../x", "/x", "a?b"])
    def test_paths_out_of_it_are_refused(self, proxy: IndexProxy, path: str):
        status, _ = request(proxy, f"/0/{path}")
        assert status == 403


def test_folders_of_packages_are_readable(tmp_path: Path):
    folder = tmp_path / "index/simple"
    folder.mkdir(parents=True)
    files = tmp_path / "index/files"
    files.mkdir()
    sources = ToolSources(PIP, None, (f"file://{folder}",), no_index=True)
    proxy = IndexProxy(lambda: PackageSources((sources,)))
    assert set(proxy.folders) == {folder, files}


def test_tool_without_index_gets_none(tmp_path: Path):
    folder = f"file://{tmp_path}/index/simple"
    sources = ToolSources(PIP, None, (folder,), no_index=True)
    proxy = IndexProxy(lambda: PackageSources((sources,)))
    assert proxy.environment(5) == {"PIP_EXTRA_INDEX_URL": folder, "PIP_NO_INDEX": "1"}
