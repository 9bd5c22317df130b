"""A real Chromium: pages that note their errors, and axe-core's findings in them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
#: Widths in CSS pixels: a phone, and a laptop.
WIDTHS = (390, 1280)
HEIGHTS = {390: 844, 1280: 900}
#: The findings of axe-core that keep somebody from using a page.
SERIOUS = ("serious", "critical")


class NoChromium(RuntimeError):
    """There is no Chromium on this machine."""


@dataclass
class View:
    """A page in a window of its own."""

    page: Any
    """Playwright's page."""
    errors: list[str] = field(default_factory=list)
    """Errors of the console, of scripts, and of requests that got no answer."""

    def open_details(self) -> None:
        """Open what is collapsed."""
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")

    def serious_findings(self) -> list[str]:
        """Return what axe-core calls serious or critical, one line for each rule."""
        from axe_playwright_python.sync_playwright import Axe

        findings = []
        for violation in Axe().run(self.page).response["violations"]:
            if violation["impact"] not in SERIOUS:
                continue
            places = [node["target"] for node in violation["nodes"][:3]]
            findings.append(f"{violation['id']}: {violation['help']}, at {places}")
        return findings

    def is_wider_than_window(self) -> bool:
        """Return whether the page as a whole scrolls sideways."""
        width = self.page.evaluate("document.documentElement.scrollWidth")
        return bool(width > self.page.viewport_size["width"])

    def focused_text(self) -> str:
        """Return the text of the element that has the keyboard's focus."""
        return str(self.page.evaluate("document.activeElement.innerText || ''")).strip()


class Browser:
    """Opens pages, each with its own cookies."""

    def __init__(self, chromium: Any):
        self._chromium = chromium

    @contextmanager
    def open(
        self, address: str, *, width: int = 1280, theme: Theme = "light", scripts: bool = True
    ) -> Iterator[View]:
        """Open an address, and wait until all of it is loaded.

        Args:
            address: an http or file address.
            width: of the window, one of ``WIDTHS``.
            theme: what the user prefers.
            scripts: whether scripts may run.
        """
        context = self._chromium.new_context(
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=theme,
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        try:
            view = View(context.new_page())
            _note_errors(view)
            view.page.goto(address, wait_until="load")
            yield view
        finally:
            context.close()

    def findings(self, address: str) -> list[str]:
        """Return the serious findings of axe-core at each width and in each theme, also in what is
        collapsed at first.
        """
        findings = []
        for width, theme in product(WIDTHS, THEMES):
            with self.open(address, width=width, theme=theme) as view:
                view.open_details()
                for finding in view.serious_findings():
                    findings.append(f"{width} px, {theme}: {finding}")
        return findings


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Start Debian's Chromium without a window.

    Raises:
        NoChromium: it is not installed.
    """
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        raise NoChromium("there is no chromium on this machine: make setup-browser")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program)
        try:
            yield Browser(chromium)
        finally:
            chromium.close()


def _note_errors(view: View) -> None:
    def note_message(message: Any) -> None:
        if message.type == "error":
            view.errors.append(message.text)

    def note_dialog(dialog: Any) -> None:
        view.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    view.page.on("console", note_message)
    view.page.on("pageerror", lambda error: view.errors.append(str(error)))
    view.page.on("requestfailed", lambda request: view.errors.append(f"failed: {request.url}"))
    view.page.on("dialog", note_dialog)
