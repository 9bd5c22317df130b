"""``coding-agent jobs cancel``."""

import click

from cli.command import CommandError, exit_on_settings_error, settings
from cli.job_argument import job_argument
from cli.jobs.opening import find_newest_run, find_run, open_store_to_change
from cli.output import Output, json_option


@click.command("cancel")
@job_argument
@json_option("Print the run as JSON.")
@click.pass_context
def command(ctx: click.Context, job: str, output: Output) -> None:
    """Ask a job's unfinished run to stop. Its worker sees the request within one heartbeat.

    A run that an interrupted `fix` left behind ends at once.

    \b
    Example:
      coding-agent jobs cancel octo/repo#17
    """
    from cli.backends import open_artifacts
    from cli.cancel import end_cancelled
    from cli.jobs.run_json import run_summary

    store = open_store_to_change(ctx)
    run = find_newest_run(store, job)
    if not store.request_cancel(run.job_id):
        raise CommandError(f"job {run.job_id!r} has already ended: {run.outcome}")
    chosen = settings(ctx)
    with exit_on_settings_error():
        artifacts = open_artifacts(chosen)
    has_ended = end_cancelled(store, artifacts, run, chosen)
    text = f"cancelled {run.job_id}" if has_ended else f"asked {run.job_id} to stop"
    output.write(run_summary(find_run(store, run.job_id)), text)
