"""``coding-agent jobs cancel``."""

import click

from cli.command import CommandError, exit_on_settings_error, settings
from cli.jobs.opening import find_run, open_store_to_change
from cli.output import Output, json_option


@click.command("cancel")
@click.argument("job_id")
@json_option("Print the run as JSON.")
@click.pass_context
def command(ctx: click.Context, job_id: str, output: Output) -> None:
    """Ask a job's unfinished run to stop. Its worker sees the request within one heartbeat.

    A run that an interrupted `fix` left behind ends at once.

    \b
    Example:
      coding-agent jobs cancel 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
    """
    from cli.backends import open_artifacts
    from cli.cancel import end_cancelled
    from cli.run_reports import run_summary

    store = open_store_to_change(ctx)
    run = find_run(store, job_id)
    if not store.request_cancel(job_id):
        raise CommandError(f"job {job_id!r} has already ended: {run.outcome}")
    chosen = settings(ctx)
    with exit_on_settings_error():
        artifacts = open_artifacts(chosen)
    has_ended = end_cancelled(store, artifacts, run, chosen)
    newest = find_run(store, job_id)
    text = f"cancelled {job_id}" if has_ended else f"asked {job_id} to stop"
    output.write(run_summary(newest), text)
