"""``coding-agent jobs list``."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from cli.jobs.opening import open_store
from cli.option_groups import check_repository
from cli.output import Output, json_option
from cli.times import since_option
from pipeline.outcome import Outcome

_STATES = [*(outcome.value for outcome in Outcome), "queued", "running"]

#: Columns of the list, made from ``run_summary``.
_COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "job": lambda run: run["job_id"],
    "gen": lambda run: str(run["generation"]),
    "issue": lambda run: run["issue_url"].removeprefix("https://"),
    "outcome": lambda run: run["outcome"] or run["state"],
    "seconds": lambda run: f"{run['seconds']:.0f}",
    "cost": lambda run: f"${run['cost_usd']:.4f}",
    "created": lambda run: run["created_at"],
}


@click.command("list")
@click.option("--outcome", type=click.Choice(_STATES), help="Only runs with this outcome or state.")
@click.option(
    "--repo",
    "--repository",
    "repository",
    metavar="OWNER/NAME",
    callback=check_repository,
    help="Only runs of this repository.",
)
@since_option
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Consider at most this many runs.",
)
@json_option()
@click.pass_context
def command(
    ctx: click.Context,
    outcome: str | None,
    repository: str | None,
    since: float | None,
    limit: int,
    output: Output,
) -> None:
    """List runs, the newest first.

    \b
    Examples:
      coding-agent jobs list --outcome failed --since 2h
      coding-agent jobs list --repo octo/repo --json
    """
    from cli.run_reports import run_summary
    from pipeline.store.contract import RunFilter

    store = open_store(ctx)
    chosen = RunFilter(
        outcome=outcome,
        repository=repository.lower() if repository else None,
        since=since,
    )
    summaries = [run_summary(run) for run in store.runs(chosen, limit=limit)]
    is_filtered = bool(outcome or repository or since)
    output.write_table(
        summaries, _COLUMNS, if_empty="no such runs" if is_filtered else "no runs yet"
    )
