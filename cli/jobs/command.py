"""``coding-agent jobs``: the jobs in the store, and their runs."""

import click

from cli.lazy_commands import LazyCommand, LazyGroup

_COMMANDS = {
    "list": LazyCommand("cli.jobs.listing", "List runs, the newest first."),
    "show": LazyCommand("cli.jobs.show", "Show one run: what happened, its rounds, its result."),
    "report": LazyCommand("cli.jobs.report", "Write the page of a run: one HTML file."),
    "open": LazyCommand("cli.jobs.open", "Open a run's pull request, issue or page."),
    "diff": LazyCommand("cli.jobs.diff", "Print the patch of a run."),
    "tests": LazyCommand("cli.jobs.tests", "Show the tests before and after the change."),
    "log": LazyCommand("cli.jobs.log", "Print the output of a run's tests."),
    "prompt": LazyCommand("cli.jobs.prompt", "Print what the model was sent, and its replies."),
    "transcript": LazyCommand("cli.jobs.transcript", "Show what an agent did, step by step."),
    "watch": LazyCommand("cli.jobs.watch", "Follow a run until it ends."),
    "stats": LazyCommand("cli.jobs.stats", "Count outcomes, proofs, money and time, by group."),
    "export": LazyCommand("cli.jobs.export", "Write the history of all runs as data."),
    "path": LazyCommand("cli.jobs.path", "Print where the store is."),
    "cancel": LazyCommand("cli.jobs.cancel", "Ask a job's unfinished run to stop."),
    "retry": LazyCommand("cli.jobs.retry", "Rerun a job that has ended, as its next generation."),
}


@click.command("jobs", cls=LazyGroup, lazy_commands=_COMMANDS)
def command() -> None:
    """List and show jobs with their runs and costs; retry or cancel one.

    \b
    Examples:
      coding-agent jobs list --outcome failed --since 2h
      coding-agent jobs show octo/repo#42
      coding-agent jobs diff octo/repo#42 | git apply
      coding-agent jobs retry octo/repo#42 --from-stage propose_patch
    """
