"""``coding-agent jobs list``."""

import time
from typing import TYPE_CHECKING, Any

import click

from cli.jobs.opening import open_store
from cli.option_groups import repository_option
from cli.output import Output, json_option
from cli.tables import Column, Table
from cli.times import iso_time, since_option
from pipeline.outcome import Outcome

if TYPE_CHECKING:
    from console.runs.lines import RunLine

_STATES = [*(outcome.value for outcome in Outcome), "queued", "running"]

_COLORS = {
    Outcome.PR_OPENED: "green",
    Outcome.PR_UPDATED: "green",
    Outcome.PROPOSED: "green",
    Outcome.NO_CHANGE_NEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.BUDGET_EXHAUSTED: "red",
    Outcome.CANCELLED: "dim",
    "queued": "cyan",
    "running": "cyan",
}
"""By status; those that are not named are yellow: the run did its work, and there is no change."""


@click.command("list")
@click.option("--outcome", type=click.Choice(_STATES), help="Only runs with this outcome or state.")
@repository_option("Only runs of this repository.")
@since_option
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="At most this many runs, the newest.",
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

    On a terminal, a run is named by the first characters of its job's id; every command that takes
    a JOB accepts them. In a pipe, the fields are separated by tabs and complete: JOB_ID/GENERATION,
    issue, outcome or state, proof, number of the pull request, US dollars, and time of creation.

    \b
    Examples:
      coding-agent jobs list --outcome failed --since 2h
      coding-agent jobs list --repo octo/repo --json
      coding-agent jobs list | cut -f 2,3 | sort | uniq -c
    """
    from console.runs.lines import read_lines
    from pipeline.store.contract import RunFilter

    store = open_store(ctx)
    chosen = RunFilter(
        outcome=outcome,
        repository=repository.lower() if repository else None,
        since=since,
    )
    lines = read_lines(store.runs(chosen, limit=limit))
    is_filtered = bool(outcome or repository or since)
    table = Table(lines, _columns(time.time()), _payload)
    output.write_table(table, if_empty="no such runs" if is_filtered else "no runs yet")


def _columns(now: float) -> "list[Column[RunLine]]":
    from console.runs.phrases import age, usd
    from console.runs.short_names import shorten_issue

    return [
        Column("job", lambda line: line.short_name, lambda line: line.name),
        Column("issue", lambda line: line.issue, lambda line: line.issue, shorten=shorten_issue),
        Column("outcome", lambda line: line.status, lambda line: line.status, style=_color),
        Column("proof", lambda line: line.verification, lambda line: line.verification),
        Column("PR", _pull_request, lambda line: _pull_request(line).removeprefix("#")),
        Column("cost", lambda line: usd(line.cost_usd), lambda line: f"{line.cost_usd:.6f}"),
        Column(
            "age",
            lambda line: age(now - line.run.created_at),
            lambda line: iso_time(line.run.created_at),
        ),
    ]


def _color(line: "RunLine") -> str:
    return _COLORS.get(line.status, "yellow")


def _pull_request(line: "RunLine") -> str:
    number = line.pull_request_number
    return f"#{number}" if number is not None else ""


def _payload(line: "RunLine") -> dict[str, Any]:
    from cli.jobs.run_json import run_summary

    return run_summary(line.run)
