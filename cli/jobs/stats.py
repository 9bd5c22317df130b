"""``coding-agent jobs stats``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from cli.jobs.opening import open_store
from cli.jobs.statistics_text import describe_all, describe_groups
from cli.new_file import check_replaceable, replace_file
from cli.output import Output, json_option
from cli.times import since_option
from console.history.statistics import Grouping

if TYPE_CHECKING:
    from console.history.statistics import GroupStatistics


@click.command("stats")
@click.option(
    "--by",
    "grouping",
    type=click.Choice(get_args(Grouping)),
    help="A row for each template set, model, repository, strategy or type of job.",
)
@since_option
@click.option(
    "--plot",
    "plot_path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.svg",
    help=(
        "Also draw the shares with their intervals. An earlier plot is replaced, any other file is"
        " not."
    ),
)
@json_option("Print one JSON object for each group.")
@click.pass_context
def command(
    ctx: click.Context,
    grouping: Grouping | None,
    since: float | None,
    plot_path: Path | None,
    output: Output,
) -> None:
    """Show how runs ended, what the tests proved, and what it cost in money and time.

    Shares are those of the runs that have ended, with 95 % intervals in brackets. Costs and times
    are those of runs that asked a model: the median, and what 9 of 10 stay below.

    \b
    Examples:
      coding-agent jobs stats --since 30d
      coding-agent jobs stats --by model --plot models.svg
      coding-agent jobs stats --by template --json
    """
    from console.history.runs import each_run_record
    from console.history.statistics import summarize

    if plot_path is not None:
        check_replaceable(plot_path, "<svg", "a plot")
    groups = summarize(each_run_record(open_store(ctx), since=since), grouping)
    if plot_path is not None:
        _write_plot(plot_path, grouping, groups)
    if output.as_json:
        for group in groups:
            click.echo(json.dumps(group.model_dump(mode="json")))
    elif not groups:
        click.echo("no runs yet" if since is None else "no such runs")
    elif grouping is None:
        click.echo("\n".join(describe_all(groups[0])))
    else:
        click.echo("\n".join(describe_groups(grouping, groups)))


def _write_plot(path: Path, grouping: Grouping | None, groups: "Sequence[GroupStatistics]") -> None:
    """Draw the groups; without any, say that there is nothing to draw."""
    from console.history.share_plots import plot_groups, plot_outcomes

    if not groups:
        click.echo(f"no runs to draw: {path} was not written", err=True)
        return
    plot = plot_outcomes(groups[0]) if grouping is None else plot_groups(grouping, groups)
    replace_file(path, plot.svg().encode())
    click.echo(f"wrote {path}", err=True)
