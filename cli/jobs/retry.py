"""``coding-agent jobs retry``."""

import asyncio

import click
from pydantic import ValidationError

from cli import exits
from cli.aws import exit_on_aws_error, queue_url
from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.opening import find_newest_run, open_store
from cli.output import Output, json_option
from cli.overrides import OverrideOptions, with_override_options
from console.queues.replays import replay_job
from console.queues.visibility import VISIBILITY_TIMEOUT
from pipeline.job import (
    InvalidJob,
    Job,
    NewerSchema,
    UnreadableMessage,
    explain,
    parse_job,
)


@click.command("retry")
@job_argument
@with_override_options
@json_option("Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, job: str, override_options: OverrideOptions, output: Output
) -> None:
    """Rerun a job that has ended, as its next generation.

    Calling it twice starts one run. The message of a failed job stays in the dead-letter queue:
    replaying it later changes nothing, and `dlq discard JOB_ID` removes it.

    \b
    Examples:
      coding-agent jobs retry d7e04176
      coding-agent jobs retry octo/repo#42 --from-stage propose_patch
    """
    overrides = override_options.resolve(ctx)
    url = queue_url(ctx)
    run = find_newest_run(open_store(ctx), job)
    if run.state != "finished":
        raise CommandError(f"job {run.job_id!r} has not ended: it is {run.state}")
    try:
        replayed = replay_job(parse_job(run.body), run.generation, overrides)
    except (UnreadableMessage, NewerSchema, InvalidJob) as error:
        raise CommandError(f"{error}; nothing was sent", exits.USAGE) from None
    except ValidationError as error:
        raise CommandError(f"{explain(error)}; nothing was sent", exits.USAGE) from None
    with exit_on_aws_error():
        message_id = asyncio.run(_send(url, replayed))
    output.write(
        {"job_id": run.job_id, "after_generation": run.generation, "message_id": message_id},
        f"{run.job_id} runs again after generation {run.generation}",
    )


async def _send(url: str, job: Job) -> str:
    from pipeline.queue import SqsQueue

    async with SqsQueue(url, visibility_timeout=VISIBILITY_TIMEOUT) as queue:
        return await queue.submit(job)
