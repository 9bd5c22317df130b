"""``make screenshots``: the pictures below docs/images, from a real run of the demo."""

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from examples.demo.__main__ import base_environment, run_demo
from pipeline.pushes import PUSH
from pipeline.store.contract import RunRow
from pipeline.store.sqlite import SqliteStore
from stages.open_pr import PULL_REQUEST, PlannedCommit, PlannedPull
from tests.browser.chromium import Browser, Theme, start_browser
from tests.browser.console_server import COMMAND, serve_console
from tests.browser.pull_page import pull_page
from tests.browser.terminal import run_in_terminal
from tests.golden_pulls.cases import CASES
from tests.golden_pulls.rendering import render
from tests.stages.open_pr.scenario import BRANCH
from tests.stand_ins.example_history import write_history

ROOT = Path(__file__).parents[2]
DEMO = ROOT / ".demo"
IMAGES = ROOT / "docs" / "images"
COLUMNS = 90
#: The golden pull requests of which there are pictures.
PICTURED_PULLS = ("verified", "not_verified", "hostile_issue")
#: A terminal as rich draws it, with room around the text.
_TERMINAL = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>terminal</title>
<style>
{stylesheet}
pre {{ display: inline-block; margin: 0; padding: 1rem; font: 15px/1.4 monospace;
      background: {background}; color: {foreground}; }}
</style>
<pre><code>{code}</code></pre>
</html>
"""


def main() -> int:
    if run_demo() != 0:
        return 1
    IMAGES.mkdir(exist_ok=True)
    environment = {**base_environment(DEMO), "TERM": "xterm-256color"}
    store = SqliteStore(DEMO / "data" / "store.sqlite")
    (run,) = store.runs()
    write_history(DEMO / "data", now=time.time())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = draw_golden_pulls(folder)
        _take_all(store, run, environment, folder, pages)
    return 0


def _take_all(
    store: SqliteStore,
    run: RunRow,
    environment: Mapping[str, str],
    folder: Path,
    pages: Iterable[Path],
) -> None:
    """Store all pictures; ``folder`` is for files on the way."""
    with start_browser() as browser:
        report = folder / "report.html"
        subprocess.run(
            [COMMAND, "jobs", "report", run.job_id, "--output", str(report)],
            env=environment,
            check=True,
        )
        _take(browser, report.as_uri(), "run.png")
        pull = folder / "pull.html"
        pull.write_text(_draw_pull(store, run))
        _take(browser, pull.as_uri(), "pull-request.png")
        take_golden_pulls(browser, pages)
        with serve_console(environment) as address:
            _take(browser, address, "console.png")
        terminal = folder / "terminal.html"
        terminal.write_text(_draw_terminal(run, environment))
        _take(browser, terminal.as_uri(), "terminal.png", part="pre")


def draw_golden_pulls(folder: Path) -> list[Path]:
    """Write pages of golden pull requests into a folder, and return them.

    It runs the stage in an event loop, so that it can't be called while the browser's loop runs.
    """
    pages: list[Path] = []
    for case in CASES:
        if case.name not in PICTURED_PULLS:
            continue
        pull = render(case)
        page = folder / f"pull-{case.name.replace('_', '-')}.html"
        page.write_text(
            pull_page(
                title=pull.title,
                number=43,
                base="main",
                branch=BRANCH,
                body=pull.body,
                draft=pull.draft,
            )
        )
        pages.append(page)
    return pages


def take_golden_pulls(browser: Browser, pages: Iterable[Path]) -> None:
    for page in pages:
        _take(browser, page.as_uri(), f"{page.stem}.png", part="body")


def _take(
    browser: Browser,
    address: str,
    name: str,
    *,
    width: int = 1280,
    theme: Theme = "light",
    part: str | None = None,
) -> None:
    """Store a picture of a part of a page, or of what a window shows before anybody scrolls."""
    with browser.open(address, width=width, theme=theme) as view:
        shown = view.page if part is None else view.page.locator(part)
        shown.screenshot(path=IMAGES / name)
    click.echo(f"docs/images/{name}", err=True)


def _draw_pull(store: SqliteStore, run: RunRow) -> str:
    """Return the pull request of the demo, as it was planned before it was made."""
    effects = {effect.name: effect for effect in store.effects(run.job_id)}
    commit = PlannedCommit.model_validate(effects[PUSH].intention)
    pull = PlannedPull.model_validate(effects[PULL_REQUEST].intention)
    result = effects[PULL_REQUEST].result or {}
    return pull_page(
        title=pull.title,
        number=result["number"],
        base="main",
        branch=commit.branch,
        body=pull.body,
        draft=pull.draft,
    )


def _draw_terminal(run: RunRow, environment: Mapping[str, str]) -> str:
    """Return the HTML of a terminal in which somebody looks at a run."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    job = run.job_id[:8]
    for arguments in (["jobs", "list"], ["jobs", "show", job]):
        output = run_in_terminal([COMMAND, *arguments], environment, columns=COLUMNS)
        console.print(f"[bold green]$[/] coding-agent {' '.join(arguments)}", highlight=False)
        console.print(Text.from_ansi(output))
    return console.export_html(theme=MONOKAI, code_format=_TERMINAL)


if __name__ == "__main__":
    sys.exit(main())
