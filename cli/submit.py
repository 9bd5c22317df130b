"""``coding-agent submit``: put jobs on the queue."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TextIO

import click
from pydantic import ValidationError

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from pipeline.job import FixIssueJob, InvalidJob, NewerSchema, UnreadableMessage, explain, parse_job


@click.command("submit")
@click.argument("issue_urls", nargs=-1)
@click.option(
    "--file",
    "job_file",
    type=click.File(encoding="utf-8"),
    help="Jobs as JSON, one a line; - reads standard input.",
)
@click.option("--base-branch", help="Work from this branch.")
@click.option("--dry-run", is_flag=True, help="Find a fix; push nothing.")
@click.option(
    "--metadata",
    multiple=True,
    metavar="KEY=VALUE",
    help="Handed back in every event; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a job.")
@click.pass_context
def command(
    ctx: click.Context,
    issue_urls: tuple[str, ...],
    job_file: TextIO | None,
    base_branch: str | None,
    dry_run: bool,
    metadata: tuple[str, ...],
    as_json: bool,
) -> None:
    """Put jobs on the queue (CODING_AGENT_QUEUE_URL). The same issue sent twice is one job.

    Where one of several is invalid, none is sent.

    \b
    Examples:
      coding-agent submit https://github.com/octo/repo/issues/42 --metadata ticket=OPS-7
      coding-agent submit --file jobs.jsonl --json
      jq -c '.[]' jobs.json | coding-agent submit --file -
    """
    if not issue_urls and job_file is None:
        raise CommandError("give an ISSUE_URL, or --file", exits.USAGE)
    if job_file and (base_branch or dry_run or metadata):
        raise CommandError(
            "--base-branch, --dry-run and --metadata are for ISSUE_URLs; a file's jobs say it",
            exits.USAGE,
        )
    jobs = [_described(url, base_branch, dry_run, metadata) for url in issue_urls]
    jobs += _read(job_file) if job_file else []
    chosen = settings(ctx)
    if not chosen.queue_url:
        raise CommandError(
            "CODING_AGENT_QUEUE_URL is not set: the SQS queue to put jobs on", exits.USAGE
        )
    from cli.wiring import needs

    with exit_on_settings_error():
        needs("aioboto3", "aws")
    asyncio.run(_submit(chosen.queue_url, jobs, as_json))


def _described(
    url: str, base_branch: str | None, dry_run: bool, metadata: tuple[str, ...]
) -> FixIssueJob:
    if wrong := [pair for pair in metadata if "=" not in pair]:
        raise CommandError(f"--metadata {wrong[0]}: give KEY=VALUE", exits.USAGE)
    pairs = dict(pair.split("=", 1) for pair in metadata)
    given = {
        "issue_url": url,
        "metadata": pairs,
        "options": {"dry_run": dry_run},
        "base_branch": base_branch,
    }
    try:
        return FixIssueJob.model_validate(given)
    except ValidationError as error:
        raise CommandError(f"{explain(error)}; nothing was sent", exits.USAGE) from None


def _read(file: TextIO) -> list[FixIssueJob]:
    try:
        lines = file.read().split("\n")
    except UnicodeDecodeError:
        raise CommandError(
            f"{file.name} is not UTF-8 text; nothing was sent", exits.USAGE
        ) from None
    jobs = []
    for number, line in enumerate(lines, 1):
        try:
            jobs += [parse_job(line)] if line.strip() else []
        except (UnreadableMessage, NewerSchema, InvalidJob) as error:
            where = f"{file.name}, line {number} (one job a line)"
            raise CommandError(f"{where}: {error}; nothing was sent", exits.USAGE) from None
    if not jobs:
        raise CommandError(f"{file.name} holds no job", exits.USAGE)
    return jobs


async def _submit(queue_url: str, jobs: list[FixIssueJob], as_json: bool) -> None:
    """Each is told as soon as it is sent: where AWS then fails, it is clear which ones are on the
    queue.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.errors import describe

    try:
        async for job, message_id in _sent(queue_url, jobs):
            told = {"job_id": job.id, "issue_url": job.issue.url, "message_id": message_id}
            click.echo(json.dumps(told) if as_json else f"{job.id}  {job.issue.url}")
    except (BotoCoreError, ClientError, ValueError) as error:
        raise CommandError(
            f"{queue_url} did not take it: {describe(error)}; what is not listed was not sent"
        ) from None


async def _sent(queue_url: str, jobs: list[FixIssueJob]) -> AsyncIterator[tuple[FixIssueJob, str]]:
    from pipeline.queue import SqsQueue

    async with SqsQueue(queue_url, visibility_timeout=30) as queue:
        for job in jobs:
            yield job, await queue.submit(job)
