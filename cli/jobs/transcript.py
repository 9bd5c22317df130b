"""``coding-agent jobs transcript``."""

import click

from cli import exits
from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun
from cli.output import Output, json_option


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
      coding-agent jobs transcript d7e04176
      coding-agent jobs transcript octo/repo#42 --round 1 --plain
      coding-agent jobs transcript d7e04176 --json
    """
    from cli.transcripts.source import TranscriptSource
    from cli.transcripts.text import print_all
    from cli.transcripts.viewer import is_interactive, show

    stored = StoredRun.open(ctx, job, generation)
    source = TranscriptSource(stored.store, stored.artifacts, stored.run, stored.redact)
    document = source.read(attempt)
    if round_ is not None:
        document = document.of_round(round_)
    if not document.steps:
        part = f"round {round_}" if round_ is not None else f"attempt {document.attempt}"
        raise CommandError(f"{part} of job {stored.run.job_id!r} has no steps", exits.USAGE)
    if output.as_json:
        click.echo(document.model_dump_json())
    elif plain or not is_interactive():
        print_all(document)
    else:
        show(document)
