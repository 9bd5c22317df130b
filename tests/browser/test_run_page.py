"""The page of a run in Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.page.rendering import render_page
from tests.browser.chromium import Browser
from tests.console.page.test_page import HOSTILE
from tests.console.reports import read
from tests.stand_ins.example_runs import failed, four_rounds, long_agent_run, opened_pull_request
from tests.stand_ins.recorded_run import RecordedRun

pytestmark = pytest.mark.browser


def _hostile(folder: Path) -> RecordedRun:
    return opened_pull_request(folder, title=HOSTILE, body=HOSTILE)


def _hostile_agent(folder: Path) -> RecordedRun:
    return long_agent_run(folder, steps=3, output=HOSTILE * 100)


MAKERS: dict[str, Callable[[Path], RecordedRun]] = {
    "pull request": opened_pull_request,
    "failed": failed,
    "four rounds": four_rounds,
    "agent of 60 steps": long_agent_run,
    "hostile issue": _hostile,
    "hostile programs": _hostile_agent,
}


@dataclass(frozen=True)
class Pages:
    folder: Path

    def address(self, name: str) -> str:
        return (self.folder / f"{name}.html").as_uri()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("pages")
    for name, make in MAKERS.items():
        store = folder / name
        store.mkdir()
        page = render_page(read(make(store)))
        (folder / f"{name}.html").write_bytes(page)
    yield Pages(folder)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_opens_without_an_error_and_is_as_wide_as_the_window(
    browser: Browser, pages: Pages, name: str, width: int
) -> None:
    with browser.open(pages.address(name), width=width) as view:
        assert view.errors == []
        assert not view.is_wider_than_window()


@pytest.mark.parametrize("name", MAKERS)
def test_a_page_keeps_nobody_out(browser: Browser, pages: Pages, name: str) -> None:
    assert browser.findings(pages.address(name)) == []


@pytest.mark.parametrize("name", ["hostile issue", "hostile programs"])
def test_hostile_text_makes_no_element_and_is_readable_as_text(
    browser: Browser, pages: Pages, name: str
) -> None:
    with browser.open(pages.address(name)) as view:
        assert view.page.locator("img").count() == 0
        assert view.page.locator("script").count() == 1
        view.open_details()
        assert "<script>alert(1)</script>" in view.page.inner_text("main")


def test_the_keyboard_reaches_the_content_and_the_steps(browser: Browser, pages: Pages) -> None:
    with browser.open(pages.address("agent of 60 steps")) as view:
        keyboard = view.page.keyboard
        keyboard.press("Tab")
        assert view.focused_text() == "Skip to the content"
        keyboard.press("Enter")
        assert view.page.evaluate("document.activeElement.id") == "main"
        view.page.focus("#step-1 > summary")
        keyboard.press("Enter")
        assert view.page.evaluate("document.getElementById('step-1').open")
        keyboard.press("j")
        assert view.focused_text().startswith("Step 2")
        keyboard.press("k")
        assert view.focused_text().startswith("Step 1")


def test_a_link_to_a_step_opens_it(browser: Browser, pages: Pages) -> None:
    with browser.open(pages.address("agent of 60 steps") + "#step-17") as view:
        step = view.page.locator("#step-17")
        assert step.evaluate("step => step.open")
        assert step.evaluate("step => step.getBoundingClientRect().top < window.innerHeight")


def test_everything_can_be_opened_without_scripts(browser: Browser, pages: Pages) -> None:
    with browser.open(pages.address("agent of 60 steps"), scripts=False) as view:
        view.page.locator("#step-1 > summary").click()
        assert view.page.locator("#step-1[open]").count() == 1


def test_a_stranger_sees_first_what_happened(browser: Browser, pages: Pages) -> None:
    with browser.open(pages.address("failed"), width=390) as view:
        heading = view.page.locator("h1")
        sentence = view.page.locator("main .headline p").first
        assert heading.inner_text() == "Night shifts are counted as negative time"
        assert sentence.inner_text() == "Failed for a reason outside of the issue"
        bottom = "element => element.getBoundingClientRect().bottom < window.innerHeight"
        assert sentence.evaluate(bottom)
