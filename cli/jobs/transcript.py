"""``coding-agent jobs transcript``."""

from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.job_argument import job_argument
from cli.jobs.opening import find_run, open_store
from cli.output import Output, json_option

if TYPE_CHECKING:
    from cli.transcripts.source import TranscriptSource
    from pipeline.store.contract import RunRow
    from pipeline.store.reader import StoreReader


@click.command("transcript")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    help="Default: the one whose change was chosen, or the newest.",
)
@click.option("--round", "round_", type=click.IntRange(min=1), help="Only this round's steps.")
@click.option("--plain", is_flag=True, help="Print all steps instead of showing one per screen.")
@json_option("Print the transcript as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    job: str,
    generation: int | None,
    attempt: int | None,
    round_: int | None,
    plain: bool,
    output: Output,
) -> None:
    """Show what an agent did, step by step: its replies, calls and their results.

    In a terminal, each step has its own screen: l and h go to the next and the previous step, j and
    k scroll, / searches, ? lists all keys. Otherwise all steps are printed. For a run that has not
    ended, these are the steps so far.

    \b
    Examples:
      coding-agent jobs transcript 5c0b7e9c
      coding-agent jobs transcript octo/repo#42 --round 2 --plain
      coding-agent jobs transcript 5c0b7e9c --json
    """
    from cli.transcripts.text import print_all
    from cli.transcripts.viewer import is_interactive, show

    store = open_store(ctx)
    run = find_run(store, job, generation)
    document = _transcript_source(ctx, store, run).read(attempt)
    if round_ is not None:
        document = document.of_round(round_)
    if not document.steps:
        part = f"round {round_}" if round_ is not None else f"attempt {document.attempt}"
        raise CommandError(f"{part} of job {run.job_id!r} has no steps", exits.USAGE)
    if output.as_json:
        click.echo(document.model_dump_json())
    elif plain or not is_interactive():
        print_all(document)
    else:
        show(document)


def _transcript_source(
    ctx: click.Context, store: "StoreReader", run: "RunRow"
) -> "TranscriptSource":
    from cli.backends import open_artifacts
    from cli.transcripts.source import TranscriptSource
    from pipeline.settings import secret_values
    from pipeline.telemetry import Redactor

    chosen = settings(ctx)
    with exit_on_settings_error():
        artifacts = open_artifacts(chosen)
    redact = Redactor(secret_values(chosen))
    return TranscriptSource(store, artifacts, run, redact)
