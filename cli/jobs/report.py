"""``coding-agent jobs report``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun
from cli.new_file import check_replaceable, replace_file
from cli.output import Output, json_option

if TYPE_CHECKING:
    from pipeline.store.contract import RunRow


@click.command("report")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help=(
        "The file to write, - for standard output; default: run-ID-GENERATION.html in this folder."
        " An earlier page of a run is replaced, any other file is not."
    ),
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@json_option("Print the file and its size as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    job: str,
    generation: int | None,
    path: Path | None,
    opens: bool,
    output: Output,
) -> None:
    """Write the page of a run: one HTML file that needs no network.

    It shows how the run ended and why, the change, the tests before and after, a timeline, the
    spending, and what the model saw and said. Secrets of this machine's settings are left out; the
    texts of a private repository are not.

    \b
    Examples:
      coding-agent jobs report octo/repo#42 --open
      coding-agent jobs report d7e04176 --output page.html
    """
    from cli.browser import open_in_browser
    from console.page.rendering import GENERATOR, render_page

    is_stdout = path == Path("-")
    if is_stdout and (opens or output.as_json):
        raise click.UsageError("--output - prints the page: leave out --open and --json")
    stored = StoredRun.open(ctx, job, generation)
    target = path or Path(_default_name(stored.run))
    if not is_stdout:
        check_replaceable(target, GENERATOR, "the page of a run")
    page = render_page(stored.report())
    if is_stdout:
        click.echo(page, nl=False)
        return
    replace_file(target, page)
    output.write({"file": str(target.absolute()), "bytes": len(page)}, str(target))
    if opens and not open_in_browser(target.absolute().as_uri()):
        raise CommandError(f"no browser could be started: open {target.absolute()} yourself")


def _default_name(run: "RunRow") -> str:
    from console.runs.short_names import LENGTH

    return f"run-{run.job_id[:LENGTH]}-{run.generation}.html"
