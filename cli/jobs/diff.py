"""``coding-agent jobs diff``."""

import click

from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun
from cli.jobs.rounds import describe_rounds, find_round, round_option


@click.command("diff")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@round_option
@click.pass_context
def command(ctx: click.Context, job: str, generation: int | None, round_number: int | None) -> None:
    """Print the patch of a run: the chosen change, or else the newest one.

    In a pipe or a file, it is byte for byte as `git apply` takes it.

    \b
    Examples:
      coding-agent jobs diff octo/repo#42
      coding-agent jobs diff octo/repo#42 | git apply
      coding-agent jobs diff octo/repo#42 --round 1 > first.patch
    """
    from cli.paging import diff_text, show_bytes
    from console.runs.rounds import find_change, read_rounds

    stored = StoredRun.open(ctx, job, generation)
    rounds = read_rounds(stored.source())
    if round_number is not None:
        rounds = (find_round(rounds, round_number),)
    change = find_change(rounds)
    if change is None:
        where = f"round {round_number}" if round_number else describe_rounds(rounds)
        raise CommandError(f"there is no patch: no proposed change applied to the code ({where})")
    patch = stored.read_artifact(change.patch_key)
    show_bytes(patch, diff_text(patch.decode(errors="replace")))
