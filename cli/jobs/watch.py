"""``coding-agent jobs watch``."""

import click

from cli.job_argument import job_argument
from cli.jobs.opening import find_run, open_store
from cli.output import Output, json_option


@click.command("watch")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@json_option("Print each report of progress, and then the result, as a JSON object on a line.")
@click.pass_context
def command(ctx: click.Context, job: str, generation: int | None, output: Output) -> None:
    """Follow a run until it ends: its stages, rounds and steps, and what it costs.

    What has happened before is printed first. The exit code is that of the run, as for `fix`: 0 for
    a change, 3 for none, 4 for a failure. Ctrl-C stops the watching, not the run.

    \b
    Examples:
      coding-agent jobs watch octo/repo#42
      coding-agent jobs watch octo/repo#42 --json | jq -r .stage
    """
    from cli.watching import follow, open_watch

    store = open_store(ctx)
    key = find_run(store, job, generation).key
    watch = open_watch(ctx, store, lambda: store.run(key.job_id, key.generation))
    ctx.exit(follow(watch, key.job_id, as_json=output.as_json))
