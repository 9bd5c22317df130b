"""Who may use the console, and what a browser is told not to do with its pages."""

import re

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from console.web.access.sessions import SESSION_SECONDS
from tests.console.web.conftest import Site, named_keys

REMOTE = "https://console.example.com"
#: Pages that need no session.
OPEN = {"/sign-in"}


def routes(browser: TestClient) -> list[Route]:
    return [route for route in browser.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]


def path_of(route: Route) -> str:
    """Return an address that the route matches."""
    return re.sub(r"\{(\w+)[^}]*\}", "0", route.path)


def form_token(browser: TestClient, path: str = "/") -> str:
    match = re.search(r'name="form_token" value="(\w+)"', browser.get(path).text)
    assert match is not None
    return match[1]


def test_without_keys_this_machine_needs_no_key(site: Site) -> None:
    response = site.browser().get("/")
    assert response.status_code == 200
    assert "<h1>Runs</h1>" in response.text


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:8081", "[::1]:8081"])
def test_the_names_of_this_machine_are_accepted(site: Site, host: str) -> None:
    assert site.browser().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "10.0.0.7"])
def test_without_keys_another_name_is_refused(site: Site, host: str) -> None:
    response = site.browser().get("/", headers={"Host": host})
    assert response.status_code == 421
    assert "CODING_AGENT_API_KEYS" in response.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_without_keys_nobody_comes_in_through_a_proxy(site: Site, header: str) -> None:
    passed_on = {header: "for=203.0.113.7"}
    response = site.browser().get("/", headers=passed_on)
    assert response.status_code == 421
    assert "CODING_AGENT_API_KEYS" in response.text
    root = site.signed_in("root-key-00002")
    assert root.get("/", headers=passed_on).status_code == 200


def test_with_keys_every_page_needs_a_session(site: Site) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    for route in routes(browser):
        if route.path in OPEN:
            continue
        for method in (route.methods or set()) - {"HEAD"}:
            response = browser.request(method, path_of(route), headers={"Origin": REMOTE})
            assert response.status_code == 303, route.path
            assert response.headers["location"].startswith("/sign-in?next=%2F")


def test_only_the_form_to_sign_in_and_files_need_no_session(site: Site) -> None:
    mounts = [route.path for route in site.browser().app.routes if isinstance(route, Mount)]  # type: ignore[attr-defined]
    assert mounts == ["/static"]


def test_a_script_without_a_session_sends_the_page_to_the_form(site: Site) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    response = browser.get("/running", headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert response.headers["hx-redirect"] == "/sign-in"


def test_a_key_is_exchanged_for_a_cookie_that_scripts_and_other_sites_cannot_use(
    site: Site,
) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    response = browser.post("/sign-in", data={"key": "alice-key-0001"}, headers={"Origin": REMOTE})
    assert response.headers["location"] == "/"
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-coding-agent-console=")
    assert "alice-key" not in cookie
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= attributes
    assert browser.get("/").status_code == 200


def test_signing_in_leads_to_the_page_that_was_asked_for(site: Site) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    form = browser.get("/runs/job-1/0", follow_redirects=True)
    assert '<a href="/runs/job-1/0">go on</a>' in form.text
    response = browser.post(
        "/sign-in",
        data={"key": "alice-key-0001", "next": "/runs/job-1/0"},
        headers={"Origin": REMOTE},
    )
    assert response.headers["location"] == "/runs/job-1/0"


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "/a\nb", ""],
)
def test_signing_in_leads_to_no_other_site(site: Site, path: str) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    form = browser.get("/sign-in", params={"next": path})
    assert '<a href="/">go on</a>' in form.text
    response = browser.post(
        "/sign-in", data={"key": "alice-key-0001", "next": path}, headers={"Origin": REMOTE}
    )
    assert response.headers["location"] == "/"


def test_on_this_machine_the_cookie_also_works_without_tls(site: Site) -> None:
    browser = site.signed_in("alice-key-0001", base_url="http://127.0.0.1:8081")
    assert browser.get("/").status_code == 200


def test_a_wrong_key_is_refused_and_not_repeated(site: Site) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    response = browser.post("/sign-in", data={"key": "guessed-key"}, headers={"Origin": REMOTE})
    assert response.status_code == 401
    assert "guessed-key" not in response.text
    assert "set-cookie" not in response.headers


def test_attempts_to_sign_in_are_limited(site: Site) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)

    def attempt(key: str) -> int:
        response = browser.post("/sign-in", data={"key": key}, headers={"Origin": REMOTE})
        return response.status_code

    statuses = [attempt(f"guess-{number}") for number in range(11)]
    assert statuses == [401] * 10 + [429]
    site.clock.now += 10
    assert attempt("alice-key-0001") == 303


def test_a_key_is_not_sent_unencrypted_to_another_machine(site: Site) -> None:
    origin = "http://console.example.com"
    browser = site.browser(keys=named_keys(), base_url=origin)
    response = browser.post("/sign-in", data={"key": "alice-key-0001"}, headers={"Origin": origin})
    assert response.status_code == 403
    assert "HTTPS" in response.text


@pytest.mark.parametrize(
    "cookie", ["", "x", "x.y", "e30=.0000", '{"name": "root"}', "ü.é", "." * 100]
)
def test_a_forged_cookie_is_no_session(site: Site, cookie: str) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    value = f"__Host-coding-agent-console={cookie}".encode()
    response = browser.get("/", headers={b"Cookie": value})
    assert response.status_code == 303


def test_a_changed_cookie_is_no_session(site: Site) -> None:
    browser = site.signed_in("alice-key-0001")
    name = "__Host-coding-agent-console"
    value = browser.cookies[name]
    other = site.signed_in("root-key-00002").cookies[name]
    payload, _, _ = other.rpartition(".")
    _, _, signature = value.rpartition(".")
    browser.cookies.clear()
    response = browser.get("/", headers={"Cookie": f"{name}={payload}.{signature}"})
    assert response.status_code == 303


def test_a_session_ends_with_the_working_day(site: Site) -> None:
    browser = site.signed_in("alice-key-0001")
    site.clock.now += SESSION_SECONDS - 1
    assert browser.get("/").status_code == 200
    site.clock.now += 1
    assert browser.get("/").status_code == 303


def test_signing_out_ends_the_session_also_for_a_copied_cookie(site: Site) -> None:
    browser = site.signed_in("alice-key-0001")
    name = "__Host-coding-agent-console"
    copy = browser.cookies[name]
    response = browser.post(
        "/sign-out", data={"form_token": form_token(browser)}, headers={"Origin": REMOTE}
    )
    assert response.headers["location"] == "/sign-in"
    browser.cookies.clear()
    response = browser.get("/", headers={"Cookie": f"{name}={copy}"})
    assert response.status_code == 303


def test_every_form_needs_the_token_of_the_session_and_the_own_origin(site: Site) -> None:
    browser = site.signed_in("root-key-00002")
    token = form_token(browser)
    foreign_token = form_token(site.signed_in("alice-key-0001"))
    paths = [
        path_of(route)
        for route in routes(browser)
        if "POST" in (route.methods or set()) and route.path not in OPEN
    ]
    assert paths
    for path in paths:
        for form, origin in (
            ({"other": "x"}, REMOTE),
            ({"form_token": foreign_token}, REMOTE),
            ({"form_token": token}, "https://evil.example"),
            ({"form_token": token}, "null"),
            ({"form_token": token}, "https://["),
            ({"form_token": token}, ""),
        ):
            headers = {"Origin": origin} if origin else {}
            response = browser.post(path, data=form, headers=headers)
            assert response.status_code == 403, (path, form, origin)


@pytest.mark.parametrize("site_of_page", ["cross-site", "same-site"])
@pytest.mark.parametrize("destination", ["image", "iframe", "empty"])
def test_a_page_of_another_site_cannot_load_a_page_as_a_part_of_itself(
    site: Site, site_of_page: str, destination: str
) -> None:
    headers = {"Sec-Fetch-Site": site_of_page, "Sec-Fetch-Dest": destination}
    assert site.browser().get("/dead-letters", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("site_of_page", "destination"),
    [("cross-site", "document"), ("same-origin", "empty"), ("none", "document")],
)
def test_a_link_of_another_site_and_the_own_script_are_answered(
    site: Site, site_of_page: str, destination: str
) -> None:
    headers = {"Sec-Fetch-Site": site_of_page, "Sec-Fetch-Dest": destination}
    assert site.browser().get("/running", headers=headers).status_code == 200


def test_a_form_of_another_type_or_size_is_refused(site: Site) -> None:
    browser = site.signed_in("root-key-00002")
    json_form = browser.post("/sign-out", json={}, headers={"Origin": REMOTE})
    assert json_form.status_code == 415
    large = browser.post("/sign-out", data={"a": "x" * 300_000}, headers={"Origin": REMOTE})
    assert large.status_code == 413


def test_a_form_without_an_origin_is_refused_also_if_its_host_is_unknown(site: Site) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    for origin in ("", "null"):
        headers = {"Host": "", "Origin": origin}
        response = browser.post("/sign-in", data={"key": "root-key-00002"}, headers=headers)
        assert response.status_code == 403


@pytest.mark.parametrize(
    "address", ["/?repository=", "/?before=", "/search?q=", "/templates/diff?before="]
)
def test_a_parameter_that_is_too_long_is_refused(site: Site, address: str) -> None:
    response = site.browser().get(address + "x" * 501)
    assert response.status_code == 422
    assert "at most 500 characters" in response.text


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nothing", "/static/style.css", "/running"])
def test_every_response_forbids_scripts_frames_and_caches(site: Site, path: str) -> None:
    headers = site.browser().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_pages_contain_no_inline_script_or_style(site: Site) -> None:
    html = site.browser().get("/").text
    assert "<style" not in html
    assert not re.search(r"<script(?![^>]* src=)", html)
    assert not re.search(r"""\s(style|on\w+)=["']""", html)


def test_a_page_that_is_not_there_is_said_to_be_missing(site: Site) -> None:
    response = site.browser().get("/nothing")
    assert response.status_code == 404
    assert "there is no such page" in response.text


def test_log_lines_name_the_page_and_the_key_but_no_parameter(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    browser = site.signed_in("alice-key-0001")
    with caplog.at_level("INFO", "pipeline.api.middleware"):
        browser.get("/?repository=octo/private-name")
    assert "GET / 200" in caplog.text
    assert "private-name" not in caplog.text


def test_attempts_to_sign_in_are_logged_without_the_key(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    browser = site.browser(keys=named_keys(), base_url=REMOTE)
    with caplog.at_level("INFO", "pipeline.api.middleware"):
        browser.post("/sign-in", data={"key": "guessed-key"}, headers={"Origin": REMOTE})
    assert "POST /sign-in 401" in caplog.text
    assert "guessed-key" not in caplog.text
