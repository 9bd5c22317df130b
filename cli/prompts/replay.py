"""``prompts replay``: repeat a stored run with other templates and compare the two."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.job_argument import job_argument
from cli.prompts.comparison_output import ComparisonOutput, with_output_options
from cli.prompts.comparison_text import describe_case
from cli.prompts.source import load
from pipeline.job import FIX_ISSUE

if TYPE_CHECKING:
    from cli.prompts.runs import StoredRun, Variation
    from console.comparison.comparison import Comparison
    from console.comparison.trials import Case, Trial
    from console.html.diffs import FileDiff
    from pipeline.store.contract import RunRow
    from prompts.template_set import TemplateSet


@click.command("replay")
@job_argument
@click.option(
    "--template-dir", "named", required=True, metavar="FOLDER|HASH", help="The templates to try."
)
@click.option(
    "--from-stage",
    default="propose_patch",
    show_default=True,
    help="Reuse the results of the stages before this one.",
)
@click.option("--model", help="Ask this model instead of the run's: a LiteLLM name, scripted:FILE.")
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@with_output_options
@click.pass_context
def replay(
    ctx: click.Context,
    job: str,
    named: str,
    from_stage: str,
    model: str | None,
    generation: int | None,
    output: ComparisonOutput,
) -> None:
    """Repeat a stored run with other templates and show what changes.

    It is a dry run: nothing is pushed, and the service's store is only read. The model is called,
    which can cost up to the run's own limit.

    \b
    Examples:
      coding-agent prompts replay d7e04176 --template-dir ./mine
      coding-agent prompts replay octo/repo#42 --template-dir ./mine --model openai/gpt-4o
      coding-agent prompts replay octo/repo#42 --template-dir ./mine --html replay.html
    """
    from cli.prompts.replay_text import print_comparison
    from cli.prompts.runs import Variation, stored_run
    from cli.prompts.trials import case_of, trial_of
    from stages.order import ORDERS

    result_types = ORDERS[FIX_ISSUE].result_types
    if from_stage not in result_types:
        stages = ", ".join(result_types)
        raise CommandError(
            f"--from-stage: no stage {from_stage!r}; there are {stages}", exits.USAGE
        )
    original = stored_run(ctx, job, generation)
    # Before a model is paid: a part of the run may be gone or damaged.
    with original.reading_parts():
        before = trial_of(original)
    templates = load(ctx, named)
    variation = Variation(templates, from_stage, model)
    after = _repeat(ctx, original, variation, quiet=output.as_json)
    case = case_of(original.row, before, after)
    if output.as_json:
        click.echo(json.dumps({"before": _payload(before), "after": _payload(after)}))
    else:
        click.echo(describe_case(case))
        print_comparison(before, after)
    if output.html is not None:
        output.write_page(ctx, _comparison(ctx, original.row, case, templates))


def _repeat(
    ctx: click.Context, original: "StoredRun", variation: "Variation", *, quiet: bool
) -> "Trial":
    """Repeat the run in a temporary folder; print its progress unless ``quiet``."""
    from cli.progress import Printer
    from cli.prompts.runs import rerun
    from cli.prompts.trials import trial_of

    printer = Printer(quiet=quiet)
    with (
        tempfile.TemporaryDirectory(prefix="coding-agent-replay-") as folder,
        exit_on_settings_error(),
    ):
        repeated = rerun(
            original,
            settings(ctx),
            Path(folder),
            variation,
            observer=printer,
            on_wait=lambda text: click.echo(text, err=True),
        )
        try:
            return trial_of(asyncio.run(repeated))
        finally:
            printer.stop()


def _payload(trial: "Trial") -> dict[str, Any]:
    from cli.prompts.replay_text import count_prompt_tokens, describe_tests

    return {
        "outcome": trial.outcome,
        "tests": describe_tests(trial),
        "rounds": trial.rounds,
        "cost_usd": trial.cost_usd,
        "prompt_tokens": count_prompt_tokens(trial),
        "prompts": trial.prompts,
        "replies": trial.replies,
        "patch": trial.patch,
    }


def _comparison(
    ctx: click.Context, original: "RunRow", case: "Case", templates: "TemplateSet"
) -> "Comparison":
    """Return the comparison of the stored run with its repetition."""
    from console.comparison.comparison import Comparison, Side, compare_templates
    from console.history.runs import stored_result

    result = stored_result(original)
    used = result.template_set if result is not None else None
    original_templates = _known_set(ctx, used)
    changes: tuple[FileDiff, ...] = ()
    if original_templates is not None:
        changes = compare_templates(original_templates, templates)
    return Comparison(
        a=Side("the stored run", used),
        b=Side("repeated with the given templates", templates.set_hash),
        template_changes=changes,
        cases=(case,),
        left_out=0,
    )


def _known_set(ctx: click.Context, set_hash: str | None) -> "TemplateSet | None":
    """Return the set that a run used, if it is still stored."""
    from cli.backends import template_sets
    from prompts.template_set import TemplateError

    if set_hash is None:
        return None
    with exit_on_settings_error():
        sets = template_sets(settings(ctx))
    try:
        return sets.get(set_hash)
    except TemplateError:
        return None
