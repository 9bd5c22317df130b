"""``coding-agent jobs show``."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun
from cli.output import Output, json_option, styled_console
from cli.times import iso_time

if TYPE_CHECKING:
    from pipeline.store.contract import RunRow

_REASON_WIDTH = 120
_STORY_WIDTH = 100
"""Longer lines are hard to read."""


@click.command("show")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option(
    "--verbose",
    is_flag=True,
    help="Print deliveries, stages, model calls and effects in chronological order instead.",
)
@json_option("Print one JSON object with all of it.")
@click.pass_context
def command(
    ctx: click.Context, job: str, generation: int | None, verbose: bool, output: Output
) -> None:
    """Show what happened in a run: how it ended, what each round changed, what the tests said, and
    what to do next.

    \b
    Examples:
      coding-agent jobs show octo/repo#42
      coding-agent jobs show d7e04176 --generation 0 --verbose
      coding-agent jobs show d7e04176 --json | jq .rounds
    """
    stored = StoredRun.open(ctx, job, generation)
    if output.as_json:
        _print_json(stored)
    elif verbose:
        for line in _verbose_lines(stored):
            click.echo(line)
    else:
        _print_story(stored)


def _print_json(stored: StoredRun) -> None:
    from cli.jobs.run_json import run_details
    from console.runs.redaction import redacted

    click.echo(json.dumps(redacted(run_details(stored.source()), stored.redact)))


def _print_story(stored: StoredRun) -> None:
    from cli.jobs.story import tell

    console = styled_console()
    for line in tell(stored.report(), min(console.width, _STORY_WIDTH)):
        console.print(line.text, style=line.style, markup=False)


def _verbose_lines(stored: StoredRun) -> Iterator[str]:
    from cli.jobs.chronology import read_chronology
    from console.runs.redaction import redacted
    from prompts.filters import one_line

    run = redacted(stored.run, stored.redact)
    source = stored.source()
    yield f"{run.job_id} generation {run.generation}: {run.outcome or run.state}"
    yield f"  {one_line(run.issue_url)}"
    reason = run.reason or run.last_error
    if reason:
        yield f"  {one_line(reason)}"
    for moment in redacted(read_chronology(source), stored.redact):
        line = f"  {iso_time(moment.at)}  {moment.what:<16} {one_line(moment.detail)}"
        yield line.rstrip()
    for opened in redacted(source.rounds, stored.redact):
        first_line = opened.because.strip().partition("\n")[0]
        cause = one_line(first_line)[:_REASON_WIDTH]
        yield f"  round {opened.number} opened at {opened.to}: {cause}"
    yield from _end_lines(run)


def _end_lines(run: "RunRow") -> Iterator[str]:
    """Yield what the run took, and the addresses of its artifacts."""
    from console.runs.run_result import parse_result
    from pipeline.money import to_usd
    from prompts.filters import one_line

    spent = f"${to_usd(run.micro_usd):.6f}"
    yield f"  spent {spent} in {run.seconds:.1f} s of work; deliveries: {run.deliveries}"
    result = parse_result(run)
    if result is None:
        return
    for name, address in result.artifacts.items():
        yield f"  {name}: {one_line(address)}"
