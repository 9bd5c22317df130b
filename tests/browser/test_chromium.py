"""What the tests of the pages rely on: that Chromium's errors and axe-core's findings are seen."""

from pathlib import Path

import pytest

from tests.browser.chromium import Browser

pytestmark = pytest.mark.browser

PALE = """<!doctype html><html lang="en"><title>pale</title><main><h1>A page</h1>
<p style="color: #ddd; background: #fff">hardly to be read</p></main>"""


def write(folder: Path, html: str) -> str:
    page = folder / "page.html"
    page.write_text(html)
    return page.as_uri()


def test_a_script_that_fails_is_an_error(browser: Browser, tmp_path: Path) -> None:
    address = write(tmp_path, "<script>missing()</script>")
    with browser.open(address) as view:
        assert "missing is not defined" in view.errors[0]


def test_a_dialog_is_an_error(browser: Browser, tmp_path: Path) -> None:
    address = write(tmp_path, "<script>alert('here')</script>")
    with browser.open(address) as view:
        assert view.errors == ["a dialog: here"]


def test_what_a_content_security_policy_blocks_is_an_error(
    browser: Browser, tmp_path: Path
) -> None:
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
    address = write(tmp_path, f"{policy}<script>window.ran = true</script>")
    with browser.open(address) as view:
        assert "Content Security Policy" in view.errors[0]
        assert view.page.evaluate("window.ran") is None


def test_pale_text_is_found_at_each_width_and_in_each_theme(
    browser: Browser, tmp_path: Path
) -> None:
    findings = browser.findings(write(tmp_path, PALE))
    assert [finding.split(":")[0] for finding in findings] == [
        "390 px, light",
        "390 px, dark",
        "1280 px, light",
        "1280 px, dark",
    ]
    assert all("color-contrast" in finding for finding in findings)


def test_a_page_that_is_wider_than_the_window_is_noticed(browser: Browser, tmp_path: Path) -> None:
    address = write(tmp_path, "<div style='width: 2000px'>wide</div>")
    with browser.open(address) as view:
        assert view.is_wider_than_window()
