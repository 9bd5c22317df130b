"""The page of a comparison, and the plot of statistics, in Chromium."""

from pathlib import Path

import pytest

from console.comparison.comparison import Comparison, Side, compare_templates
from console.comparison.page import render_comparison
from console.history.share_plots import plot_groups
from console.history.statistics import summarize
from prompts.template_set import TemplateSet
from tests.browser.chromium import THEMES, Browser
from tests.console.comparison.cases import case, trial
from tests.console.history.records import record
from tests.console.page.test_page import HOSTILE
from tests.stand_ins.example_runs import PATCH

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with an issue that got worse, a hostile one, and one as before."""
    shipped = TemplateSet.load()
    changed = shipped.files["propose.md.j2"].replace("# Task\n", f"# Task\n\n{HOSTILE}\n")
    mine = TemplateSet({**shipped.files, "propose.md.j2": changed})
    hostile = {"prompts": {HOSTILE: HOSTILE}, "replies": {HOSTILE: HOSTILE}, "patch": HOSTILE}
    comparison = Comparison.of(
        Side("default", shipped.set_hash),
        Side("./mine", mine.set_hash),
        [
            case(trial(patch=PATCH), trial(None), 1),
            case(trial(), trial(reason=HOSTILE, **hostile), 2),
            case(trial(None), trial(patch=PATCH), 3),
        ],
        template_changes=compare_templates(shipped, mine),
    )
    path = tmp_path_factory.mktemp("pages") / "comparison.html"
    path.write_bytes(render_comparison(comparison, str))
    return path.as_uri()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_opens_without_an_error_and_is_as_wide_as_the_window(
    browser: Browser, address: str, width: int
) -> None:
    with browser.open(address, width=width) as view:
        view.open_details()
        assert view.errors == []
        assert not view.is_wider_than_window()


def test_the_page_keeps_nobody_out(browser: Browser, address: str) -> None:
    assert browser.findings(address) == []


def test_hostile_text_makes_no_element_and_is_readable_as_text(
    browser: Browser, address: str
) -> None:
    with browser.open(address) as view:
        assert view.page.locator("img, script").count() == 0
        view.open_details()
        assert "<script>alert(1)</script>" in view.page.inner_text("main")


def test_the_name_of_an_issue_leads_to_its_details_and_opens_them(
    browser: Browser, address: str
) -> None:
    with browser.open(address) as view:
        details = view.page.locator("#cases details").nth(2)
        assert not details.evaluate("details => details.open")
        view.page.locator("#issues a").nth(2).focus()
        view.page.keyboard.press("Enter")
        assert details.evaluate("details => details.open")


@pytest.mark.parametrize("theme", THEMES)
def test_a_plot_opens_without_an_error_and_has_a_name(
    browser: Browser, tmp_path: Path, theme: str
) -> None:
    runs = [record(outcome="no_fix", model=HOSTILE), record(outcome="pr_opened", model="m")]
    path = tmp_path / "plot.svg"
    path.write_text(plot_groups("model", summarize(runs, "model")).svg())
    with browser.open(path.as_uri(), theme=theme) as view:
        assert view.errors == []
        assert view.page.locator("svg > title").inner_html() == (
            "Results by model, with 95 % intervals"
        )
