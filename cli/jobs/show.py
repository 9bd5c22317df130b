"""``coding-agent jobs show``."""

from typing import TYPE_CHECKING, Any

import click

from cli.job_argument import job_argument
from cli.jobs.opening import find_run, open_store
from cli.output import Output, json_option
from cli.times import iso_time

if TYPE_CHECKING:
    from pipeline.store.contract import RunRow

_REASON_WIDTH = 120


@click.command("show")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@json_option("Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, job: str, generation: int | None, output: Output) -> None:
    """Show one run: its deliveries, stages, effects and model calls in chronological order, its
    rounds and its result.

    \b
    Examples:
      coding-agent jobs show 5c0b7e9c
      coding-agent jobs show octo/repo#42 --generation 0 --json
    """
    from cli.run_reports import run_report

    store = open_store(ctx)
    run = find_run(store, job, generation)
    report = run_report(store, run)
    output.write(report, "\n".join(_report_lines(run, report)))


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
