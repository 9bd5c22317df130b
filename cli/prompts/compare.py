"""``prompts compare``: run two template sets on the same issues and compare the results."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.prompts.comparison_output import ComparisonOutput, with_output_options
from cli.prompts.comparison_text import describe, payload_of
from cli.prompts.source import load
from repository.counts import count

if TYPE_CHECKING:
    from cli.prompts.runs import StoredRun
    from console.comparison.trials import Case, Trial
    from pipeline.settings import Settings
    from prompts.template_set import TemplateSet


@click.command("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--runs",
    "number",
    type=click.IntRange(min=1),
    required=True,
    help="Repeat the last N stored runs.",
)
@click.option("--model", help="Ask this model; default: the run's, or CODING_AGENT_MODEL.")
@click.option("--yes", is_flag=True, help="Do not ask before money is spent.")
@with_output_options
@click.pass_context
def compare(
    ctx: click.Context,
    first: str,
    second: str,
    number: int,
    model: str | None,
    yes: bool,
    output: ComparisonOutput,
) -> None:
    """Repeat stored runs with two template sets (folders or hashes) and compare the results.

    Says which issues got worse and which better, and compares the share of verified fixes (red to
    green, or the suite passes), cost and rounds, with paired 95 % intervals. Shows an estimate of
    the cost and asks for confirmation first.

    \b
    Examples:
      coding-agent prompts compare default ./mine --runs 20
      coding-agent prompts compare default ./mine --runs 20 --html comparison.html
    """
    from console.comparison.comparison import Comparison, Side, compare_templates

    a = load(ctx, first)
    b = load(ctx, second)
    cases, unfinished = _repeat_runs(ctx, (a, b), number, model, yes)
    comparison = Comparison.of(
        Side(first, a.set_hash),
        Side(second, b.set_hash),
        cases,
        template_changes=compare_templates(a, b),
        unfinished=unfinished,
    )
    if comparison.left_out:
        click.echo(f"{comparison.left_out} left out: not finished with both sets", err=True)
    if not comparison.cases:
        raise CommandError("no issue was finished with both sets", exits.FAILED)
    if output.as_json:
        click.echo(json.dumps(payload_of(comparison)))
    else:
        click.echo("\n".join(describe(comparison)))
    output.write_page(ctx, comparison)


def _repeat_runs(
    ctx: click.Context,
    template_sets: "tuple[TemplateSet, TemplateSet]",
    limit: int,
    model: str | None,
    yes: bool,
) -> "tuple[list[Case], int]":
    """Run each issue with both sets. Return the cases, and how many issues were begun, but not
    finished: before Ctrl-C, or because a part of the stored run is gone.
    """
    from cli.prompts.runs import MissingResult, newest_runs
    from cli.prompts.trials import case_of

    runs = newest_runs(ctx, limit)
    config = settings(ctx)
    if not runs:
        raise CommandError(
            "no stored run reached a prompt; see: coding-agent jobs list", exits.USAGE
        )
    expected = 2 * sum(run.cost_usd for run in runs)
    at_most = 2 * config.max_cost_usd * len(runs)
    _confirm(len(runs), expected, at_most, yes)
    cases: list[Case] = []
    unfinished = 0
    for number, run in enumerate(runs, 1):
        # Whatever happens, report the results that have been paid for.
        try:
            a = _repeat_run(run, config, template_sets[0], model)
            b = _repeat_run(run, config, template_sets[1], model)
        except MissingResult as error:
            unfinished += 1
            click.echo(error.message, err=True)
            continue
        except KeyboardInterrupt:
            unfinished += 1
            click.echo("stopped: the result covers the runs finished so far", err=True)
            break
        cases.append(case_of(run.row, a, b))
        click.echo(f"[{number}/{len(runs)}] {run.row.issue_url}", err=True)
    return cases, unfinished


def _repeat_run(
    run: "StoredRun", config: "Settings", templates: "TemplateSet", model: str | None
) -> "Trial":
    from cli.prompts.runs import Variation, rerun
    from cli.prompts.trials import trial_of

    with (
        tempfile.TemporaryDirectory(prefix="coding-agent-compare-") as folder,
        exit_on_settings_error(),
    ):
        repeated = rerun(
            run,
            config,
            Path(folder),
            Variation(templates, from_stage="propose_patch", model=model),
            observer=lambda _: None,
            on_wait=lambda text: click.echo(text, err=True),
        )
        return trial_of(asyncio.run(repeated))


def _confirm(issues: int, expected_usd: float, limit_usd: float, yes: bool) -> None:
    click.echo(
        f"{count(issues, 'issue')} with two sets each: about ${expected_usd:.2f}, twice what they"
        f" cost before; at most ${limit_usd:.2f}",
        err=True,
    )
    if not yes:
        click.confirm("Continue?", abort=True, err=True)
