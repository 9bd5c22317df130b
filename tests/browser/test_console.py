"""The web console in Chromium, as a process over a store with runs of some days."""

import os
import time
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser
from tests.browser.console_server import serve_console
from tests.console.page.test_page import HOSTILE
from tests.stand_ins.example_history import write_history
from tests.stand_ins.example_runs import opened_pull_request

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/?outcome=failed",
    "/search?q=42",
    "/queue",
    "/spend",
    "/templates",
    "/dead-letters",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("console")
    write_history(folder, now=time.time())
    hostile = opened_pull_request(folder, title=HOSTILE, body=HOSTILE)
    environment = {**os.environ, "CODING_AGENT_DATA_DIR": str(folder)}
    with serve_console(environment) as address:
        yield f"{address.rstrip('/')}/runs/{hostile.row.job_id}/0"


@pytest.fixture(scope="module")
def site(address: str) -> str:
    return address.partition("/runs/")[0]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_opens_without_an_error_and_is_as_wide_as_the_window(
    browser: Browser, site: str, path: str, width: int
) -> None:
    with browser.open(site + path, width=width) as view:
        assert view.errors == []
        assert not view.is_wider_than_window()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_serious_finding_of_accessibility(
    browser: Browser, site: str, path: str
) -> None:
    assert browser.findings(site + path) == []


def test_a_runs_page_is_shown_and_its_hostile_text_is_inert(browser: Browser, address: str) -> None:
    with browser.open(address) as view:
        assert view.errors == []
        view.open_details()
        assert "<script>alert(1)</script>" in view.page.inner_text("main")
        assert view.page.locator("main img, main script").count() == 0
        assert view.serious_findings() == []


def test_the_keyboard_finds_a_run(browser: Browser, site: str) -> None:
    with browser.open(site) as view:
        view.page.keyboard.press("Tab")
        assert view.focused_text() == "Skip to the content"
        view.page.get_by_label("Job id or its beginning").focus()
        view.page.keyboard.type("acme/atlas#24")
        with view.page.expect_navigation():
            view.page.keyboard.press("Enter")
        assert "acme/atlas#24" in view.page.inner_text("body")
        assert view.errors == []


def test_runs_are_filtered_with_and_without_scripts(browser: Browser, site: str) -> None:
    for scripts in (True, False):
        with browser.open(site, scripts=scripts) as view:
            view.page.get_by_label("Outcome").select_option("failed")
            with view.page.expect_response(lambda response: "outcome=failed" in response.url):
                view.page.get_by_role("button", name="Filter").click()
            rows = view.page.get_by_role("link", name="acme/")
            assert "acme/billing#215" in rows.all_inner_texts()
            assert "acme/atlas#9" not in rows.all_inner_texts()


def test_runs_at_work_are_asked_for_again(browser: Browser, site: str) -> None:
    with browser.open(site) as view:
        with view.page.expect_response("**/running?*") as answer:
            pass  # the page asks by itself
        assert answer.value.status == 200
        assert "acme/billing#220" in view.page.inner_text("main")
