"""``coding-agent jobs show``."""

from typing import TYPE_CHECKING, Any

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
    from cli.run_reports import run_report

    stored = StoredRun.open(ctx, job, generation)
    if not output.as_json and not verbose:
        _print_story(stored)
        return
    report = run_report(stored.store, stored.run)
    output.write(report, "\n".join(_report_lines(stored.run, report)))


def _print_story(stored: StoredRun) -> None:
    from cli.jobs.story import tell

    console = styled_console()
    for line in tell(stored.report(), min(console.width, _STORY_WIDTH)):
        console.print(line.text, style=line.style, markup=False)


def _report_lines(run: "RunRow", report: dict[str, Any]) -> list[str]:
    from prompts.filters import one_line

    lines = [
        f"{run.job_id} generation {run.generation}: {run.outcome or run.state}",
        f"  {run.issue_url}",
    ]
    reason = run.reason or run.last_error
    if reason:
        lines.append(f"  {one_line(reason)}")
    for moment in report["timeline"]:
        line = f"  {iso_time(moment['at'])}  {moment['what']:<16} {one_line(moment['detail'])}"
        lines.append(line.rstrip())
    for round_ in report["rounds"]:
        first_line = round_["because"].strip().partition("\n")[0]
        cause = one_line(first_line)[:_REASON_WIDTH]
        lines.append(f"  round {round_['number']} opened at {round_['to']}: {cause}")
    lines.append(
        f"  spent ${report['cost_usd']:.6f} in {run.seconds:.1f} s of work; deliveries:"
        f" {run.deliveries}"
    )
    artifacts = (report["result"] or {}).get("artifacts", {})
    for name, address in artifacts.items():
        lines.append(f"  {name}: {address}")
    return lines
