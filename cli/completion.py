"""Complete the ids of jobs in a shell. A shell waits for this, so little is imported."""

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from console.visible_text import visible

if TYPE_CHECKING:
    from pipeline.store.contract import RunRow

#: Runs whose jobs are offered: a shell shows them all.
MAX_RUNS = 50


def complete_job_id(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the newest jobs, or those whose id begins with ``incomplete``, with their issues.

    Nothing is offered if the store can't be read: a shell has no place for a message.
    """
    try:
        runs = _read_runs(ctx, incomplete)
    except Exception:  # of a setting, of SQLite, or one of the many of AWS
        return []
    issues = {run.job_id: visible(run.issue_url) for run in runs}
    return [CompletionItem(job_id, help=issue) for job_id, issue in issues.items()]


def _read_runs(ctx: click.Context, incomplete: str) -> "list[RunRow]":
    from cli.command import settings
    from cli.stores import open_store_to_read

    store = open_store_to_read(settings(ctx))
    ctx.call_on_close(store.close)
    if incomplete:
        return store.jobs_beginning_with(incomplete, limit=MAX_RUNS)
    return store.runs(limit=MAX_RUNS)
