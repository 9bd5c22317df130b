"""The argument that names a run: a job's id or its beginning, OWNER/REPO#NUMBER, or an address."""

import click
from click.shell_completion import CompletionItem


def complete_job(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the value of a parameter that names a run."""
    from cli.completion import complete_job_id

    return complete_job_id(ctx, incomplete)


#: Passes what was given as ``job``, which ``cli.jobs.opening.find_run`` reads.
job_argument = click.argument("job", shell_complete=complete_job)
