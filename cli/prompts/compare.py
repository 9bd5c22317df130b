"""``prompts compare``: two sets over the same issues, with what the difference is worth."""

import asyncio
import json
import math
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.prompts.source import load
from pipeline.outcome import Outcome

if TYPE_CHECKING:
    from cli.prompts.runs import StoredRun
    from prompts import TemplateSet

RESAMPLES = 2_000
Z = 1.959964
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True)
class Trial:
    """One issue with one set."""

    issue: str
    resolved: bool
    cost_usd: float
    rounds: int
    failed: bool = False
    """It could not be tried to its end, such as for an outage: it says nothing of the templates."""


@click.command("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--runs", "wanted", type=click.IntRange(min=1), help="Over the last N stored runs.")
@click.option(
    "--instances",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Over SWE-bench instances, one JSON object a line.",
)
@click.option(
    "--repos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --instances: their git repositories, as owner__name.",
)
@click.option("--model", help="Ask this model; default: the run's, or CODING_AGENT_MODEL.")
@click.option("--yes", is_flag=True, help="Do not ask before money is spent.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def compare(
    ctx: click.Context,
    first: str,
    second: str,
    wanted: int | None,
    instances: Path | None,
    repos: Path | None,
    model: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Run two sets of templates (folders or hashes) over the same issues: resolved, cost, rounds, and their difference.

    Of stored runs, a fix is resolved where it is verified (red to green, or the suite passes); of instances, where
    their own tests say so. Intervals are for 95 %, paired. Says first what it costs.

    \b
    Examples:
      coding-agent prompts compare HASH ./mine --runs 20
      coding-agent prompts compare HASH ./mine --instances swe.jsonl --repos ./repos --model openai/gpt-4o
    """
    if (wanted is None) == (instances is None) or (instances is None) != (repos is None):
        raise CommandError("give --runs N, or --instances FILE with --repos DIR", exits.USAGE)
    sets = [load(ctx, named) for named in (first, second)]
    if instances and repos:
        sides = _over_instances(ctx, sets, instances, repos, model, yes)
    else:
        sides = _over_runs(ctx, sets, wanted or 0, model, yes)
    pairs = [pair for pair in zip(*sides, strict=False) if not any(trial.failed for trial in pair)]
    left_out = max(map(len, sides)) - len(pairs)
    if left_out:
        click.echo(f"{left_out} left out: not tried to the end with both sets", err=True)
    if not pairs:
        raise CommandError("no issue was tried to its end with both sets", exits.FAILED)
    first_side, second_side = zip(*pairs, strict=True)
    told = report(first_side, second_side)
    told |= {"left_out": left_out, "sets": [templates.set_hash for templates in sets]}
    click.echo(json.dumps(told) if as_json else "\n".join(_lines(told)))


def report(first: Sequence[Trial], second: Sequence[Trial]) -> dict[str, Any]:
    """Of paired trials. ``mcnemar_p``: two-sided and exact, over the issues that only one of the
    sets resolved.
    """
    only_first = sum(a.resolved and not b.resolved for a, b in zip(first, second, strict=True))
    only_second = sum(b.resolved and not a.resolved for a, b in zip(first, second, strict=True))
    told: dict[str, Any] = {"issues": len(first), "only_a": only_first, "only_b": only_second}
    told["mcnemar_p"] = mcnemar(only_first, only_second)
    told["resolved"] = {
        "a": sum(t.resolved for t in first),
        "b": sum(t.resolved for t in second),
        "difference": (only_second - only_first) / len(first),
        "interval": proportions_interval(only_first, only_second, len(first)),
    }
    for name in ("cost_usd", "rounds"):
        pairs = [
            (float(getattr(a, name)), float(getattr(b, name)))
            for a, b in zip(first, second, strict=True)
        ]
        differences = [b - a for a, b in pairs]
        told[name] = {
            "a": fmean(a for a, _ in pairs),
            "b": fmean(b for _, b in pairs),
            "difference": fmean(differences),
            "interval": mean_interval(differences),
        }
    told["rows"] = [
        {"issue": a.issue, "a": vars(a), "b": vars(b)} for a, b in zip(first, second, strict=True)
    ]
    return told


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact test's p: as likely as that is a coin that falls at least so unevenly."""
    total = only_first + only_second
    fewer = min(only_first, only_second)
    return min(1.0, 2 * sum(math.comb(total, k) for k in range(fewer + 1)) / (1 << total))


def proportions_interval(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """95 % for the difference of paired shares: Wald's, half an issue added to each cell (Agresti & Min, Statistics in
    Medicine 24, 2005), which holds for few issues too."""
    b = only_first + 0.5
    c = only_second + 0.5
    n = count + 2
    middle = (c - b) / n
    half = Z * math.sqrt(b + c - (c - b) ** 2 / n) / n
    return max(middle - half, -1.0), min(middle + half, 1.0)


def mean_interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """95 % for a mean, from resamples with a fixed seed; None for fewer than five, which say too
    little.
    """
    if len(differences) < 5:
        return None
    rng = random.Random(0)  # noqa: S311 (statistics)
    means = sorted(fmean(rng.choices(differences, k=len(differences))) for _ in range(RESAMPLES))
    return means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975) - 1]


def _over_runs(
    ctx: click.Context, sets: "Sequence[TemplateSet]", wanted: int, model: str | None, yes: bool
) -> list[list[Trial]]:
    from cli.prompts.runs import newest_runs, rerun

    runs = newest_runs(ctx, wanted)
    chosen = settings(ctx)
    if not runs:
        raise CommandError(
            "no stored run got as far as a prompt; see: coding-agent jobs list", exits.USAGE
        )
    _agree(
        len(runs), sum(run.cost_usd for run in runs) * 2, chosen.max_cost_usd * len(runs) * 2, yes
    )
    sides: list[list[Trial]] = [[], []]
    try:
        for at, run in enumerate(runs, 1):
            for side, templates in zip(sides, sets, strict=True):
                with (
                    tempfile.TemporaryDirectory(prefix="coding-agent-compare-") as folder,
                    exit_on_settings_error(),
                ):
                    again = rerun(
                        run,
                        chosen,
                        Path(folder),
                        templates,
                        from_stage="propose_patch",
                        model=model,
                        say=lambda text: click.echo(text, err=True),
                    )
                    side.append(_trial(run.row.issue_url, asyncio.run(again)))
            click.echo(f"[{at}/{len(runs)}] {run.row.issue_url}", err=True)
    except KeyboardInterrupt:
        click.echo("stopped: this is of what was done before", err=True)  # it was paid for
    return sides


def _trial(issue: str, after: "StoredRun") -> Trial:
    verified = after.verdict is not None and after.verdict.verification.value != "not verified"
    return Trial(
        issue, verified, after.cost_usd, len(after.rounds) + 1, after.row.outcome == Outcome.FAILED
    )


def _over_instances(
    ctx: click.Context,
    sets: "Sequence[TemplateSet]",
    file: Path,
    repos: Path,
    model: str | None,
    yes: bool,
) -> list[list[Trial]]:
    try:  # by name: they are beside the package, in a checkout alone
        solve = import_module("benchmarks.solve")
        read_instances = import_module("benchmarks.instances").read_instances
    except ImportError:
        raise CommandError(
            "--instances needs the benchmarks: run it in a checkout of coding-agent", exits.USAGE
        ) from None
    limits = settings(ctx)
    asked = model or limits.model
    if not asked:
        raise CommandError("CODING_AGENT_MODEL is not set, and no --model is given", exits.USAGE)
    instances = solve.chosen(read_instances(file), None, repos)
    if not instances:
        raise CommandError(f"{file}: no instance can be evaluated with {repos}", exits.USAGE)
    _agree(len(instances), None, limits.max_cost_usd * len(instances) * 2, yes)
    sides: list[list[Trial]] = []
    for templates in sets:
        with (
            tempfile.TemporaryDirectory(prefix="coding-agent-compare-") as folder,
            exit_on_settings_error(),
        ):
            work = Path(folder)
            place = work / "templates"
            place.mkdir()
            for name, text in templates.files.items():
                (place / name).write_text(text)
            solver = solve.Solver(repos, asked, limits.data_dir / "compare", work, str(place))
            rows = asyncio.run(solver.all(instances, 1))
        sides.append(
            [
                Trial(
                    r["instance_id"],
                    r["resolved"],
                    r["cost_usd"],
                    r["rounds"],
                    r["outcome"] == Outcome.FAILED,
                )
                for r in rows
            ]
        )
    return sides


def _agree(issues: int, expected: float | None, most: float, yes: bool) -> None:
    about = (
        f"about ${expected:.2f}, as much as twice what they cost before; "
        if expected is not None
        else ""
    )
    click.echo(
        f"{issues} issue{'s' * (issues != 1)} with two sets each: {about}${most:.2f} at most",
        err=True,
    )
    if not yes:
        click.confirm("Go on?", abort=True, err=True)


def _lines(told: dict[str, Any]) -> list[str]:
    def line(name: str, form: str) -> str:
        side = told[name]
        interval = side["interval"]
        between = (
            f"[{interval[0]:+{form}}, {interval[1]:+{form}}]"
            if interval
            else "(too few for an interval)"
        )
        shown = "d" if name == "resolved" else form
        return (
            f"{name:<10} {side['a']:>10{shown}} {side['b']:>10{shown}}"
            f" {side['difference']:>+12{form}}  {between}"
        )

    return [
        f"{'':<10} {'A':>10} {'B':>10} {'B - A':>12}  95 %",
        line("resolved", ".3f"),
        line("cost_usd", ".4f"),
        line("rounds", ".2f"),
        (
            f"only A resolved {told['only_a']}, only B {told['only_b']}: McNemar p ="
            f" {told['mcnemar_p']:.3f} over {told['issues']} issues"
        ),
    ]
