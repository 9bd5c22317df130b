"""``prompts compare``: run two template sets on the same issues and compare the results."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.prompts.paired_statistics import Trial, summarize
from cli.prompts.source import load
from pipeline.outcome import Outcome, Verification
from repository.counts import count

if TYPE_CHECKING:
    from cli.prompts.runs import StoredRun
    from pipeline.settings import Settings
    from prompts import TemplateSet


@click.command("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--runs",
    "count",
    type=click.IntRange(min=1),
    required=True,
    help="Repeat the last N stored runs.",
)
@click.option("--model", help="Ask this model; default: the run's, or CODING_AGENT_MODEL.")
@click.option("--yes", is_flag=True, help="Do not ask before money is spent.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def compare(
    ctx: click.Context,
    first: str,
    second: str,
    count: int,
    model: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Repeat stored runs with two template sets (folders or hashes) and compare the results.

    Compares the share of verified fixes (red to green, or the suite passes), cost and rounds, with
    paired 95 % intervals. Shows an estimate of the cost and asks for confirmation first.

    \b
    Example:
      coding-agent prompts compare default ./mine --runs 20
    """
    template_sets = [load(ctx, first), load(ctx, second)]
    sides = _repeat_runs(ctx, template_sets, count, model, yes)
    pairs = []
    for a, b in zip(*sides, strict=False):
        if not (a.failed or b.failed):
            pairs.append((a, b))
    incomplete = max(len(side) for side in sides) - len(pairs)
    if incomplete:
        click.echo(f"{incomplete} left out: not finished with both sets", err=True)
    if not pairs:
        raise CommandError("no issue was finished with both sets", exits.FAILED)
    summary = summarize(pairs)
    summary["left_out"] = incomplete
    summary["sets"] = [templates.set_hash for templates in template_sets]
    click.echo(json.dumps(summary) if as_json else _as_text(summary))


def _repeat_runs(
    ctx: click.Context,
    template_sets: "Sequence[TemplateSet]",
    count: int,
    model: str | None,
    yes: bool,
) -> tuple[list[Trial], list[Trial]]:
    """Run each issue with both sets; after Ctrl-C, return the trials so far."""
    from cli.prompts.runs import newest_runs

    runs = newest_runs(ctx, count)
    config = settings(ctx)
    if not runs:
        raise CommandError(
            "no stored run reached a prompt; see: coding-agent jobs list", exits.USAGE
        )
    expected = 2 * sum(run.cost_usd for run in runs)
    limit = 2 * config.max_cost_usd * len(runs)
    _confirm(len(runs), expected, limit, yes)
    sides: tuple[list[Trial], list[Trial]] = ([], [])
    try:
        for number, run in enumerate(runs, 1):
            for side, templates in zip(sides, template_sets, strict=True):
                side.append(_repeat_run(run, config, templates, model))
            click.echo(f"[{number}/{len(runs)}] {run.row.issue_url}", err=True)
    except KeyboardInterrupt:
        # Report the results that have been paid for.
        click.echo("stopped: the result covers the runs finished so far", err=True)
    return sides


def _repeat_run(
    run: "StoredRun", config: "Settings", templates: "TemplateSet", model: str | None
) -> Trial:
    from cli.prompts.runs import Variation, rerun

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
        return _trial_of(run.row.issue_url, asyncio.run(repeated))


def _trial_of(issue_url: str, run: "StoredRun") -> Trial:
    verdict = run.verdict
    verified = verdict is not None and verdict.verification is not Verification.NOT_VERIFIED
    return Trial(
        issue=issue_url,
        resolved=verified,
        cost_usd=run.cost_usd,
        rounds=len(run.rounds) + 1,
        failed=run.row.outcome == Outcome.FAILED,
    )


def _confirm(issues: int, expected_usd: float, limit_usd: float, yes: bool) -> None:
    click.echo(
        f"{count(issues, 'issue')} with two sets each: about ${expected_usd:.2f}, twice what they"
        f" cost before; at most ${limit_usd:.2f}",
        err=True,
    )
    if not yes:
        click.confirm("Continue?", abort=True, err=True)


def _as_text(summary: dict[str, Any]) -> str:
    lines = [
        f"{'':<10} {'A':>10} {'B':>10} {'B - A':>12}  95 %",
        _row(summary, "resolved", ".3f", side_format="d"),
        _row(summary, "cost_usd", ".4f", side_format=".4f"),
        _row(summary, "rounds", ".2f", side_format=".2f"),
        f"only A resolved {summary['only_a']}, only B {summary['only_b']}:"
        f" McNemar p = {summary['mcnemar_p']:.3f} over {summary['issues']} issues",
    ]
    return "\n".join(lines)


def _row(summary: dict[str, Any], name: str, number_format: str, *, side_format: str) -> str:
    measure = summary[name]
    if measure["interval"] is None:
        interval = "(too few for an interval)"
    else:
        low, high = measure["interval"]
        interval = f"[{low:+{number_format}}, {high:+{number_format}}]"
    a = format(measure["a"], side_format)
    b = format(measure["b"], side_format)
    difference = format(measure["difference"], f"+{number_format}")
    return f"{name:<10} {a:>10} {b:>10} {difference:>12}  {interval}"
