"""``coding-agent jobs open``."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun

if TYPE_CHECKING:
    from pipeline.outcome import RunResult

_What = Literal["pr", "issue", "page"]


@click.command("open")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option("--pr", "what", flag_value="pr", help="The pull request.")
@click.option("--issue", "what", flag_value="issue", help="The issue.")
@click.option("--page", "what", flag_value="page", help="The page of the run; see jobs report.")
@click.pass_context
def command(ctx: click.Context, job: str, generation: int | None, what: _What | None) -> None:
    """Open a run's pull request in the browser, or its issue if it has none.

    In a pipe, and where no browser can be started, the address is printed instead.

    \b
    Examples:
      coding-agent jobs open octo/repo#42
      coding-agent jobs open octo/repo#42 --page
      coding-agent jobs open d7e04176 --issue | cat
    """
    from cli.browser import is_watched, open_in_browser

    stored = StoredRun.open(ctx, job, generation)
    address = _find_address(stored, what)
    if not is_watched():
        click.echo(address)
    elif open_in_browser(address):
        click.echo(f"opening {address} in the browser", err=True)
    else:
        click.echo(address)
        click.echo("no browser could be started", err=True)


def _find_address(stored: StoredRun, what: _What | None) -> str:
    from console.runs.run_result import parse_result

    result = parse_result(stored.run)
    pull_request = result.pull_request_url if result is not None else None
    match what:
        case "page":
            return _page_address(stored, result)
        case "pr" if pull_request is None:
            raise CommandError("the run has opened no pull request; see: coding-agent jobs show")
    if pull_request is not None and what != "issue":
        return pull_request
    if stored.run.subject.is_local:
        raise CommandError("the issue is not on a web page: --page opens the page of the run")
    return stored.run.issue_url


def _page_address(stored: StoredRun, result: "RunResult | None") -> str:
    """Return the address of the page that was stored at the run's end; else make one here.

    The address in the result is not used: a presigned one expires.
    """
    from console.page.rendering import render_page
    from console.runs.source import artifact_key
    from pipeline.outcome import PAGE

    stored_at = result.artifacts.get(PAGE) if result is not None else None
    key = artifact_key(stored.run.key, stored_at) if stored_at is not None else None
    if key is not None and stored.has_artifact(key):
        return stored.artifacts.address(key)

    folder = Path(tempfile.mkdtemp(prefix="coding-agent-page-"))
    page = folder / "run.html"
    page.write_bytes(render_page(stored.report()))
    return page.as_uri()
