"""Signing in to the web console in Chromium, whose cookies and Origin headers are a browser's."""

import os
from collections.abc import Iterator

import pytest

from pipeline.store.sqlite import SqliteStore
from tests.browser.chromium import Browser
from tests.browser.console_server import serve_console

pytestmark = pytest.mark.browser

KEY = "operator-key-0001"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("console")
    SqliteStore(folder / "store.sqlite").close()
    environment = {
        **os.environ,
        "CODING_AGENT_DATA_DIR": str(folder),
        "CODING_AGENT_API_KEYS": f"operator={KEY}",
        "CODING_AGENT_KEY_LIMITS": "{operator: {operator: true}}",
    }
    with serve_console(environment) as address:
        yield address.rstrip("/")


def test_the_form_has_no_serious_finding_of_accessibility(browser: Browser, site: str) -> None:
    assert browser.findings(f"{site}/sign-in") == []


def test_a_person_signs_in_sees_the_page_that_was_asked_for_and_signs_out(
    browser: Browser, site: str
) -> None:
    with browser.open(f"{site}/spend") as view:
        view.page.get_by_label("API key").fill(KEY)
        view.page.keyboard.press("Enter")
        view.page.wait_for_url(f"{site}/spend")
        assert "Nothing was spent." in view.page.inner_text("main")
        assert KEY not in str(view.page.context.cookies())
        view.page.get_by_role("button", name="Sign out operator").click()
        view.page.wait_for_url(f"{site}/sign-in")
        view.page.goto(f"{site}/spend")
        assert view.page.url == f"{site}/sign-in?next=%2Fspend"


def test_a_link_from_another_site_leads_to_the_console(browser: Browser, site: str) -> None:
    stranger = site.replace("127.0.0.1", "localhost") + "/stranger"
    html = f'<a href="{site}/spend">console</a>'
    with browser.open(f"{site}/sign-in") as view:
        view.page.route(stranger, lambda route: route.fulfill(body=html, content_type="text/html"))
        view.page.goto(stranger)
        view.page.get_by_role("link", name="console").click()
        view.page.wait_for_url(f"{site}/sign-in?next=%2Fspend")
