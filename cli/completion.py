"""Complete the ids of jobs in a shell. A shell waits for this, so little is imported."""

import sqlite3

import click
from click.shell_completion import CompletionItem

#: Jobs that are offered: a shell shows them all.
MAX_JOBS = 50


def complete_job_id(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the newest jobs, or those whose id begins with ``incomplete``, with their issues.

    Nothing is offered if the store can't be read: a shell has no place for a message.
    """
    from cli.command import CommandError, settings
    from cli.stores import open_store_to_read
    from pipeline.settings import SettingsError

    try:
        store = open_store_to_read(settings(ctx))
    except (SettingsError, CommandError, sqlite3.Error):
        return []
    ctx.call_on_close(store.close)
    if incomplete:
        runs = store.jobs_beginning_with(incomplete, limit=MAX_JOBS)
    else:
        runs = store.runs(limit=MAX_JOBS)
    return [CompletionItem(run.job_id, help=run.issue_url) for run in runs]
